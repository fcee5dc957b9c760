"""The damping of reports: a change of state is reported at once, unless the state is flapping."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from msgspec import Struct

State = TypeVar("State")

# Reports about one thing within the window: three outages and their ends are reported as they happen. A state that
# changes more often is flapping, and the reader knows by then.
MAX_REPORTS = 6
WINDOW_SECONDS = 600.0
# Seconds that a state must last to be reported after flapping; longer than the longest pause of a breaker.
STEADY_SECONDS = 75.0
# Seconds between two reports of a state that is still flapping.
REMINDER_SECONDS = 600.0


class Condition(Enum):
    """The two states of most things that are reported."""

    HEALTHY = "well"
    UNHEALTHY = "ill"


class StateChange(Struct, frozen=True):
    """A change to report: when the state began, when the last reported state began, and the number of changes between.

    The moments are seconds on the clock of the damping.
    """

    since: float
    former_since: float
    changes: int


class DampedState(Generic[State]):
    """A state, and the decision which of its changes are reported; pure, so `due` must be called now and then."""

    def __init__(self, state: State, now: Callable[[], float]) -> None:
        self.state = state
        self.since = now()
        self._now = now
        self._reported_since = self.since
        self._changed_at = self.since
        self._changes = 0
        self.flapping = False  # whether it changes so often that not every change is reported
        self._reports: deque[float] = deque(maxlen=MAX_REPORTS)

    def change(self, state: State, since: float | None = None) -> StateChange | None:
        """Take a new state, which began at a moment, and return what to report now, None if nothing."""
        if state == self.state:
            return None
        self._changed_at = self._now()
        self.state = state
        self.since = self._changed_at if since is None else since
        self._changes += 1
        return self.due()

    def due(self) -> StateChange | None:
        """Return what to report now, None if nothing."""
        if not self._changes:
            return None
        now = self._now()
        if self.flapping:
            lasting = now - self._changed_at >= STEADY_SECONDS
            if not lasting and now - self._reports[-1] < REMINDER_SECONDS:
                return None
            self.flapping = not lasting
        elif len(self._reports) == MAX_REPORTS and now - self._reports[0] < WINDOW_SECONDS:
            self.flapping = True
            return None
        change = StateChange(self.since, self._reported_since, self._changes)
        self._reports.append(now)
        self._noted()
        return change

    def settle(self, state: State) -> None:
        """Take a state that is reported elsewhere."""
        if state != self.state:
            self.state = state
            self.since = self._now()
        self._noted()

    def _noted(self) -> None:
        self._reported_since = self.since
        self._changes = 0
