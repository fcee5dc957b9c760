"""What goes on and on is told ever more rarely: the 1st, 2nd, 4th, 8th time and so on."""


def worth_telling(times: int) -> bool:
    """Whether something is told that has happened so many times in a row; twenty lines for a million of them."""
    return times > 0 and times & (times - 1) == 0


class Repeated:
    """How often in a row something has happened for one reason."""

    def __init__(self) -> None:
        self.times = 0
        self._reason = ""

    def happened(self, reason: str) -> bool:
        """Count it, and tell whether it is told; another reason is always news."""
        self.times = self.times + 1 if reason == self._reason else 1
        self._reason = reason
        return worth_telling(self.times)

    def ended(self) -> None:
        """Begin to count anew."""
        self.times = 0
