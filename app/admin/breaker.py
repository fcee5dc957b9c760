"""An operator's control of a circuit breaker."""

import structlog

from app.http.schemas import BreakerChange
from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerSnapshot

_log = structlog.get_logger(__name__)


def change_breaker(breaker: CircuitBreaker, change: BreakerChange, operator: str) -> BreakerSnapshot:
    """Force a breaker open or closed, or release it, and log who did."""
    why = f"forced by {operator}: {change.reason}" if change.reason else f"forced by {operator}"
    match change.state:
        case "open":
            breaker.force_open(why)
        case "closed":
            breaker.force_closed(why)
        case "auto":
            breaker.release()
    _log.warning("breaker_set", provider=breaker.provider, state=change.state, operator=operator, reason=change.reason)
    return breaker.snapshot()
