"""The states of a circuit breaker, and the snapshot that operators see."""

from enum import StrEnum

from msgspec import Struct


class BreakerState(StrEnum):
    """The state of a breaker, which it reached by itself or which an operator forced."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half_open"
    FORCED_OPEN = "forced_open"
    FORCED_CLOSED = "forced_closed"


class BreakerSnapshot(Struct, frozen=True, kw_only=True):
    """The state of a circuit breaker at one moment.

    `why` is the reason of the last change, in words; `seconds_to_probe` is None unless the breaker is open; `calls` and
    `failures` are those within the sliding window. `last_error` is the class name of the last failure, `last_reason`
    says what failed, and `last_error_seconds` is how long ago that was. `open_shards` is how many parts of a provider
    with shards are left alone by themselves.
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
    last_reason: str | None = None
    last_error_seconds: float | None = None
    open_shards: int = 0
