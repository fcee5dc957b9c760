"""The limit on dear work: as much of it at once as leaves ordinary requests about as quick as they are without it."""

from collections.abc import Hashable
from math import sqrt

# What costs more is dear: a few conditions more than one question ordinarily has, or a batch of four.
DEAR = 10.0
# What may always be under way of it: a batch of 20 questions, or three that filter by much.
LEAST = 64.0
FIRST = 4.0  # times the least
# Times as long as they usually take, which ordinary requests may take beside dear ones.
MOST_SLOWDOWN = 2.0
_DECREASE = 0.7
# How fast the usual time follows quicker requests, and, in one interval, slower ones: by a third in a minute.
_QUICKER, _SLOWER = 0.1, 1.0005
_ALONE = 20  # intervals without any ordinary request, after which there is nobody to be slowed down
_MOST_KINDS = 256


class DearLimit:
    """Hold a limit in units, and adjust it in every interval by the latencies of ordinary requests.

    Where work queues in a database that others share, or for a processor that the database shares, no queue of this
    process shows it. Ordinary requests do: each kind of them has a usual time.
    """

    __slots__ = ("_quiet", "_seen", "_usual", "most", "units")

    def __init__(self, most: float) -> None:
        self.most = most
        self.units = FIRST * LEAST
        self._usual: dict[Hashable, float] = {}
        self._seen: dict[Hashable, list[float]] = {}
        self._quiet = 0

    def sample(self, kind: Hashable, seconds: float) -> None:
        """Note how long one ordinary request of a kind took."""
        self._seen.setdefault(kind, []).append(seconds)

    def adjust(self) -> None:
        """Adjust the limit after one interval."""
        slowdowns = [self._slowdown(kind, sum(times) / len(times)) for kind, times in self._seen.items()]
        self._seen.clear()
        self._quiet = 0 if slowdowns else self._quiet + 1
        if slowdowns and max(slowdowns) > MOST_SLOWDOWN:
            self.units = max(LEAST, self.units * _DECREASE)
        elif slowdowns or self._quiet > _ALONE:
            self.units = min(self.most, self.units + sqrt(self.units))

    def _slowdown(self, kind: Hashable, seconds: float) -> float:
        usual = self._usual.get(kind, seconds)
        if len(self._usual) < _MOST_KINDS or kind in self._usual:
            self._usual[kind] = usual + _QUICKER * (seconds - usual) if seconds < usual else usual * _SLOWER
        return seconds / usual if usual else 1.0
