"""The order of the providers for its operator: shown, and changed without a restart."""

import structlog
from msgspec import Struct

from app.http.operator_schemas import OrderResponse
from app.http.problems import ORDER_REFUSED, RequestError
from app.reloading.reloader import Reloader
from app.settings import ConfigError
from providers.chain.chain import Chain
from providers.errors import InvalidInput, Unavailable

BY_CONFIGURATION = "configuration"

_log = structlog.get_logger(__name__)


class OrderService(Struct, frozen=True):
    """Serve the requests of `operator`, the id of a key, about the order."""

    chain: Chain
    reloader: Reloader
    operator: str

    def describe(self) -> OrderResponse:
        """Describe the order in force."""
        configuration = self.reloader.configuration
        override = configuration.override
        return OrderResponse(
            order=[link.name for link in self.chain.links()],
            configured=configuration.configured_order,
            since=self.reloader.since,
            set_by=BY_CONFIGURATION if override is None else override.set_by,
            refused=self.reloader.refused_for,
        )

    async def put(self, order: list[str]) -> OrderResponse:
        """Put an order in force.

        Raises:
            InvalidInput: it is no order of the configured providers.
            RequestError: it cannot be put in force now; the former order still is.
        """
        try:
            await self.reloader.put(order, self.operator)
        except ConfigError as error:
            self._refuse(order, error.reason)
            raise InvalidInput("order", error.reason) from error
        except Unavailable as error:
            self._refuse(order, error.reason)
            raise RequestError(ORDER_REFUSED, error.reason, field="order") from error
        return self.describe()

    def _refuse(self, order: list[str], reason: str) -> None:
        _log.warning("order_refused", order=order, reason=reason, operator=self.operator)
