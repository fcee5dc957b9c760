"""Callers' requests of the last minutes, by operation: how many, how they ended, and how long they took."""

import time
from collections import deque
from collections.abc import Callable

from msgspec import Struct

from observability.latency import INTERVAL_SECONDS, INTERVALS, LatencyHistory
from observability.notes import Notes

MINUTE = 60 // INTERVAL_SECONDS  # intervals
_SERVER_ERRORS = 500  # this status and above
_TOO_MANY = 429
_TOO_MUCH_WORK = "there was more work than could be done"
_UNKNOWN = "a fault within the service: the log has it under the id of the request"


class Ends(Struct):
    """Count requests: all of them, those that failed (5xx), were refused unread, or were answered with less."""

    requests: int = 0
    errors: int = 0
    refused: int = 0
    degraded: int = 0

    def add(self, other: "Ends") -> None:
        """Add other requests to these."""
        self.requests += other.requests
        self.errors += other.errors
        self.refused += other.refused
        self.degraded += other.degraded

    @property
    def unanswered(self) -> int:
        """The requests whose callers got nothing."""
        return self.errors + self.refused


class FailedRequest(Struct, frozen=True, kw_only=True):
    """One request that failed or was refused: `at` is seconds since 1970, `reason` words without any content."""

    at: float
    operation: str
    status: int
    reason: str
    request_id: str


class _Interval(Struct):
    number: int
    ends: Ends


class CallerHistory:
    """Keep callers' requests of the last minutes; one for each process, used from its event loop.

    An operation is a method and the template of a route, so that there are few; `is_callers` tells callers' routes.
    """

    def __init__(
        self,
        is_callers: Callable[[str], bool],
        now: Callable[[], float] = time.monotonic,
        wall: Callable[[], float] = time.time,
    ) -> None:
        self.latencies = LatencyHistory(now)
        self.last_failure: FailedRequest | None = None
        self._is_callers, self._now, self._wall = is_callers, now, wall
        self._rings: dict[str, deque[_Interval]] = {}

    def add(self, method: str, route: str, status: int, seconds: float, notes: Notes) -> None:
        """Count one request if it is a caller's."""
        if not self._is_callers(route):
            return
        operation = f"{method} {route}"
        refused = notes.shed is not None or status == _TOO_MANY
        failed = status >= _SERVER_ERRORS and not refused
        ring = self._rings.get(operation)
        if ring is None:
            ring = self._rings[operation] = deque(maxlen=INTERVALS)
        number = self._number()
        if not ring or ring[-1].number != number:
            ring.append(_Interval(number, Ends()))
        ends = ring[-1].ends
        ends.requests += 1
        ends.errors += failed
        ends.refused += refused
        ends.degraded += bool(notes.degraded)
        if not refused:  # a refusal takes no time
            self.latencies.add(operation, seconds, failed=failed)
        if refused or failed:
            reason = _TOO_MUCH_WORK if refused else notes.failure or _UNKNOWN
            self.last_failure = FailedRequest(
                at=self._wall(), operation=operation, status=status, reason=reason, request_id=notes.request_id
            )

    def operations(self) -> list[str]:
        """Return the operations that callers asked for within the window, in alphabetical order."""
        oldest = self._number() - INTERVALS
        return sorted(name for name, ring in self._rings.items() if ring and ring[-1].number > oldest)

    def ends(self, operation: str, intervals: int = INTERVALS) -> Ends:
        """Return how the requests of one operation ended in the last intervals, the current one included."""
        oldest = self._number() - intervals
        whole = Ends()
        for interval in self._rings.get(operation, ()):
            if interval.number > oldest:
                whole.add(interval.ends)
        return whole

    def steps(self) -> list[Ends]:
        """Return the last `INTERVALS` of all operations together, oldest first, the current one last."""
        first = self._number() - INTERVALS + 1
        steps = [Ends() for _ in range(INTERVALS)]
        for ring in self._rings.values():
            for interval in ring:
                if interval.number >= first:
                    steps[interval.number - first].add(interval.ends)
        return steps

    def rate(self) -> float:
        """Return the requests a second of the last minute."""
        requests = sum(ends.requests for ends in self.steps()[-MINUTE:])
        return requests / ((MINUTE - 1) * INTERVAL_SECONDS + max(1.0, self._now() % INTERVAL_SECONDS))

    def _number(self) -> int:
        return int(self._now() // INTERVAL_SECONDS)
