"""Throttling of log lines for a condition that goes on: the 1st, 2nd, 4th, 8th occurrence and so on is logged."""


def worth_telling(times: int) -> bool:
    """Return whether the occurrence with this number in a row is logged; twenty lines for a million of them."""
    return times > 0 and times & (times - 1) == 0


class Repeated:
    """Count how often in a row something has happened for one reason."""

    def __init__(self) -> None:
        self.times = 0
        self._reason = ""

    def happened(self, reason: str) -> bool:
        """Count one occurrence and return whether to log it; another reason is always logged."""
        self.times = self.times + 1 if reason == self._reason else 1
        self._reason = reason
        return worth_telling(self.times)

    def ended(self) -> None:
        """Begin to count anew."""
        self.times = 0
