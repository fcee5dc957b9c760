"""The order of the providers, for the operator: the one in force, and another one without a restart."""

from litestar import HttpMethod, Response, get, put, route
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from app.admin.calls import provide_order_service
from app.admin.order_service import OrderService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource, taking
from app.http import problems
from app.http.json.body import JsonDTO
from app.http.operator_schemas import OrderRequest, OrderResponse


class OrderController(OperatorResource):
    """One order for all workers; it outlives restarts."""

    path = "/admin/providers/order"
    dependencies = {"service": Provide(provide_order_service)}  # noqa: RUF012 - read by the framework, never changed

    # The framework's own would name the last of the methods alone; handlers are registered by name, and this is first.
    @route(http_method=HttpMethod.OPTIONS, status_code=204, opt={SCOPE: "admin:read"}, include_in_schema=False)
    async def allowed_methods(self) -> Response[None]:
        """Return the methods for the order."""
        return Response(None, headers={"Allow": "GET, OPTIONS, PUT"})

    @get(opt={SCOPE: "admin:read"}, responses=problems.described(*OPERATOR_PROBLEMS))
    async def order(self, service: NamedDependency[OrderService]) -> OrderResponse:
        """Return the order in force in the process that answers, since when, and who set it."""
        return service.describe()

    @put(opt={SCOPE: "admin:write"}, **taking(JsonDTO[OrderRequest], *OPERATOR_PROBLEMS, problems.ORDER_REFUSED))
    async def set_order(self, data: JSONBody[OrderRequest], service: NamedDependency[OrderService]) -> OrderResponse:
        """Put another order of the configured providers in force, under load and without a restart.

        It is in force in this process when this is answered, and in the other workers of the host within a second. It
        applies, also across restarts, until another order is configured or set; the configured one is set like any
        other. A provider that has not received everything becomes home when it has: until then another one answers.
        """
        return await service.put(data.order)
