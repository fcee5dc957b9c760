"""What a circuit breaker tells about itself."""

from enum import StrEnum

from msgspec import Struct


class BreakerState(StrEnum):
    """Whether calls pass: all, none, or one at a time; on its own account or an operator's."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"


class BreakerSnapshot(Struct, frozen=True, kw_only=True):
    """A circuit breaker as it stands.

    `why` is the reason of the last change, in words; `seconds_to_probe` is None unless the breaker is open; `calls` and
    `failures` are those of the sliding window; `last_error` is the class of the last failure.
    """

    provider: str
    state: BreakerState
    why: str
    seconds_in_state: float
    seconds_to_probe: float | None
    last_error: str | None
    calls: int
    failures: int
    failures_in_a_row: int
