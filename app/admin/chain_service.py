"""The chain as an operator sees and controls it."""

import structlog
from msgspec import Struct

from app.http.operator_schemas import BreakerChange
from app.http.problems import UNKNOWN_PROVIDER, RequestError
from providers.chain.breaker_state import BreakerSnapshot
from providers.chain.chain import Chain
from providers.chain.describing import describe, explain
from providers.chain.policy import OperationClass
from providers.chain.status import ChainStatus, Explanation, ProviderStatus

_log = structlog.get_logger(__name__)


class ChainService(Struct, frozen=True):
    """Serve the requests of `operator`, the id of a key, about a chain."""

    chain: Chain
    operator: str

    async def status(self) -> ChainStatus:
        """Describe the whole chain."""
        return await describe(self.chain)

    async def provider(self, name: str) -> ProviderStatus:
        """Describe one provider.

        Raises:
            RequestError: it is not in the order.
        """
        status = await describe(self.chain)
        found = next((provider for provider in status.providers if provider.name == name), None)
        if found is None:
            raise self._unknown(name)
        return found

    def set_breaker(self, name: str, change: BreakerChange) -> BreakerSnapshot:
        """Force the circuit breaker of a provider open or closed, or release it, and log who did.

        Raises:
            RequestError: it is not in the order.
        """
        link = self.chain.route.link(name)
        if link is None:
            raise self._unknown(name)
        breaker = link.attempts.guards.breaker
        why = f"forced by {self.operator}: {change.reason}" if change.reason else f"forced by {self.operator}"
        match change.state:
            case "open":
                breaker.force_open(why)
            case "closed":
                breaker.force_closed(why)
            case "auto":
                breaker.release()
        _log.warning("breaker_set", provider=name, state=change.state, operator=self.operator, reason=change.reason)
        return breaker.snapshot()

    def explain(self, operation: str) -> Explanation:
        """Explain which way an operation would take now."""
        return explain(self.chain, OperationClass(operation))

    def _unknown(self, name: str) -> RequestError:
        known = ", ".join(link.name for link in self.chain.links())
        return RequestError(UNKNOWN_PROVIDER, f"{name[:100]!r} is not in the order, which is: {known}")
