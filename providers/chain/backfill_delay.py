"""How long a filling that cannot be done now is put off: ever longer, up to a longest wait."""

# What keeps it from being done is seldom mended within seconds, and nobody wants to wait for longer once it is.
FILL_AGAIN_SECONDS = 5.0
LONGEST_FILL_AGAIN_SECONDS = 300.0
_MOST_DOUBLINGS = 20  # far beyond that, and still no overflow


class BackfillDelay:
    """How often in a row each newcomer was put off."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def wait(self, name: str) -> float:
        """Count one more time, and return the seconds until it is tried again."""
        before = self._times.get(name, 0)
        self._times[name] = before + 1
        growth = float(2 ** min(before, _MOST_DOUBLINGS))
        return min(LONGEST_FILL_AGAIN_SECONDS, FILL_AGAIN_SECONDS * growth)

    def forget(self, name: str) -> None:
        """Begin anew with one that was filled."""
        self._times.pop(name, None)
