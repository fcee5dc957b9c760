"""The delay after a backfill that cannot be done now: it doubles with every postponement, up to a maximum."""

# An obstacle is seldom removed within seconds; once it is, the backfill should start within minutes.
FIRST_DELAY_SECONDS = 5.0
LONGEST_DELAY_SECONDS = 300.0
_MOST_DOUBLINGS = 20  # far beyond that, and still no overflow


class BackfillDelay:
    """The number of postponements in a row of each provider."""

    def __init__(self) -> None:
        self._times: dict[str, int] = {}

    def wait(self, name: str) -> float:
        """Count one more postponement, and return the seconds until the next try."""
        before = self._times.get(name, 0)
        self._times[name] = before + 1
        growth = float(2 ** min(before, _MOST_DOUBLINGS))
        return min(LONGEST_DELAY_SECONDS, FIRST_DELAY_SECONDS * growth)

    def forget(self, name: str) -> None:
        """Reset the delay of a provider that was backfilled."""
        self._times.pop(name, None)
