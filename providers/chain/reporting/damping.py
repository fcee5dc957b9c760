"""When a change of state is worth a line: at once, unless it keeps changing."""

from collections import deque
from collections.abc import Callable
from enum import Enum
from typing import Generic, TypeVar

from msgspec import Struct

State = TypeVar("State")

# Events about one thing within the window: three outages, with their ends, are told as they happen. What changes more
# often is flapping, and whoever reads knows it by then.
MAX_REPORTS = 6
WINDOW_SECONDS = 600.0
# Seconds that a state must last to be told after flapping; longer than a breaker leaves a provider alone.
STEADY_SECONDS = 75.0
# Seconds after which that it still flaps is told again.
REMINDER_SECONDS = 600.0


class Condition(Enum):
    """The two states of most things that are told."""

    HEALTHY = "well"
    UNHEALTHY = "ill"


class StateChange(Struct, frozen=True):
    """What is to be told: since when it is as it is, since when it was as told last, and how many changes lie between.

    The moments are seconds on the clock of the damping.
    """

    since: float
    former_since: float
    changes: int


class DampedState(Generic[State]):
    """A state, and which of its changes are told; pure, and to be looked at now and then for what had to wait."""

    def __init__(self, state: State, now: Callable[[], float]) -> None:
        self.state = state
        self.since = now()
        self._now = now
        self._reported_since = self.since
        self._changed_at = self.since
        self._changes = 0
        self._flapping = False
        self._reports: deque[float] = deque(maxlen=MAX_REPORTS)

    def change(self, state: State, since: float | None = None) -> StateChange | None:
        """Take a new state, which began at a moment, and give what is to be told now."""
        if state == self.state:
            return None
        self._changed_at = self._now()
        self.state = state
        self.since = self._changed_at if since is None else since
        self._changes += 1
        return self.due()

    @property
    def flapping(self) -> bool:
        """Whether it changes so often that it is not told each time."""
        return self._flapping

    def due(self) -> StateChange | None:
        """Give what is to be told now, None where nothing is."""
        if not self._changes:
            return None
        now = self._now()
        if self._flapping:
            lasting = now - self._changed_at >= STEADY_SECONDS
            if not lasting and now - self._reports[-1] < REMINDER_SECONDS:
                return None
            self._flapping = not lasting
        elif len(self._reports) == MAX_REPORTS and now - self._reports[0] < WINDOW_SECONDS:
            self._flapping = True
            return None
        change = StateChange(self.since, self._reported_since, self._changes)
        self._reports.append(now)
        self._noted()
        return change

    def settle(self, state: State) -> None:
        """Take a state that somebody else tells of."""
        if state != self.state:
            self.state = state
            self.since = self._now()
        self._noted()

    def _noted(self) -> None:
        self._reported_since = self.since
        self._changes = 0
