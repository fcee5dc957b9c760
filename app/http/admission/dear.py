"""The limit on dear work: as much of it at once as makes neither ordinary requests slow, nor itself."""

from collections.abc import Hashable
from math import frexp, sqrt

# What costs more is dear: a few conditions more than one question ordinarily has, or a batch of four.
DEAR = 10.0
# What may always be under way of it, besides a single one, however dear that is. Beside three lists that are read from
# far behind, a recall waited for all of them each time it asked the database.
LEAST = DEAR
# The same while it makes only itself slow: two batches of 20 questions use all that one process and its database have
# on two processors, and a third one would make them wait.
LEAST_ALONE = 140.0
FIRST = 2 * LEAST_ALONE
# Times as long as they usually take, which ordinary requests may take beside dear ones.
MOST_SLOWDOWN = 1.6
# The same for dear ones beside each other: two that share what one alone would use all of take twice as long.
MOST_AMONG_DEAR = 1.6
_DECREASE = 0.7
_CAREFULLY = 1.0  # units an interval, beside ordinary requests: each try of more may make some of them slow
_ALONE = 20  # intervals without any ordinary request, after which there is nobody to be slowed down


class DearLimit:
    """Hold a limit in units, and adjust it in every interval by how long requests take.

    Where work queues in a database that others share, or for a processor that the database shares, no queue of this
    process shows it. The requests do: each kind of them has a usual time, dear ones one for each unit. It is raised
    only while dear requests are kept waiting, which `reached` says.
    """

    __slots__ = ("_alone", "_dear", "_ordinary", "most", "reached", "units")

    def __init__(self, most: float) -> None:
        self.most = most
        self.units = min(most, FIRST)
        self.reached = False  # since the last interval
        self._ordinary, self._dear = Slowdowns(), Slowdowns()
        self._alone = 0

    @property
    def parallelism(self) -> float:
        """The share of its calls at once that one request is to make: less, the more ordinary requests it slows."""
        return min(1.0, max(0.0, (self.units - LEAST) / (LEAST_ALONE - LEAST)))

    def sample(self, kind: Hashable, units: float, seconds: float) -> None:
        """Note how long one request of a kind took, that cost so much."""
        if units <= DEAR:
            self._ordinary.add(kind, seconds)
        else:  # a few memories take longer for each of them than many
            self._dear.add((kind, frexp(units)[1]), seconds / units)

    def adjust(self) -> None:
        """Adjust the limit after one interval."""
        ordinary, dear = self._ordinary.most(), self._dear.most()
        self._alone = 0 if ordinary else self._alone + 1
        reached, self.reached = self.reached, False
        if ordinary > MOST_SLOWDOWN:
            self._lower(LEAST)
        elif dear > MOST_AMONG_DEAR:
            self._lower(LEAST_ALONE)
        elif reached and (ordinary or self._alone > _ALONE):
            self.units = min(self.most, self.units + (_CAREFULLY if ordinary else sqrt(self.units)))

    def _lower(self, least: float) -> None:
        self.units = min(self.units, max(least, self.units * _DECREASE))


# How fast the usual time follows quicker requests, and, in one interval, slower ones: by a third in a minute.
_QUICKER, _SLOWER = 0.1, 1.0005
_MOST_KINDS = 256


class Slowdowns:
    """Learn the usual time of each kind of requests, and tell how many times as long they take now."""

    __slots__ = ("_seen", "_usual")

    def __init__(self) -> None:
        self._usual: dict[Hashable, float] = {}
        self._seen: dict[Hashable, list[float]] = {}

    def add(self, kind: Hashable, seconds: float) -> None:
        """Note the time of one request."""
        self._seen.setdefault(kind, []).append(seconds)

    def most(self) -> float:
        """Return the largest slowdown of an interval, 0 if there were no requests in it."""
        most = max((self._of(kind, sum(times) / len(times)) for kind, times in self._seen.items()), default=0.0)
        self._seen.clear()
        return most

    def _of(self, kind: Hashable, seconds: float) -> float:
        usual = self._usual.get(kind, seconds)
        if len(self._usual) < _MOST_KINDS or kind in self._usual:
            self._usual[kind] = usual + _QUICKER * (seconds - usual) if seconds < usual else usual * _SLOWER
        return seconds / usual if usual else 1.0
