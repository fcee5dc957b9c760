"""Throttling of log lines for a condition that goes on: the 1st, 2nd, 4th, 8th occurrence and so on is logged."""


def is_logged(times: int) -> bool:
    """Return whether the occurrence with this number in a row is logged; twenty lines for a million of them."""
    return times > 0 and times & (times - 1) == 0


class LogThrottle:
    """Count how often in a row something has happened for one reason."""

    def __init__(self) -> None:
        self.times = 0
        self._reason = ""

    def count(self, reason: str) -> bool:
        """Count one occurrence and return whether to log it; another reason is always logged."""
        self.times = self.times + 1 if reason == self._reason else 1
        self._reason = reason
        return is_logged(self.times)

    def reset(self) -> None:
        """Begin to count anew."""
        self.times = 0
