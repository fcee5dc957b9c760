"""The mode of the service, for the operator: whether it takes writes."""

from litestar import HttpMethod, Response, get, put, route
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from app.admin.calls import provide_mode_service
from app.admin.mode_service import ModeService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource, taking
from app.http import problems
from app.http.json.body import JsonDTO
from app.http.operator_schemas import ModeRequest
from app.mode.mode_file import ServiceMode


class ModeController(OperatorResource):
    """One mode for all workers; it outlives restarts."""

    path = "/admin/mode"
    dependencies = {"service": Provide(provide_mode_service)}  # noqa: RUF012 - read by the framework, never changed

    # The framework's own would name the last of the methods alone; handlers are registered by name, and this is first.
    @route(http_method=HttpMethod.OPTIONS, status_code=204, opt={SCOPE: "admin:read"}, include_in_schema=False)
    async def allowed_methods(self) -> Response[None]:
        """Return the methods for the mode."""
        return Response(None, headers={"Allow": "GET, OPTIONS, PUT"})

    @get(opt={SCOPE: "admin:read"}, responses=problems.described(*OPERATOR_PROBLEMS))
    async def mode(self, service: NamedDependency[ModeService]) -> ServiceMode:
        """Return the mode in force in the process that answers, since when, and who set it."""
        return service.describe()

    @put(opt={SCOPE: "admin:write"}, **taking(JsonDTO[ModeRequest], *OPERATOR_PROBLEMS, problems.MODE_NOT_SET))
    async def set_mode(self, data: JSONBody[ModeRequest], service: NamedDependency[ModeService]) -> ServiceMode:
        """Refuse all writes of callers for maintenance, or take them again; reads are answered as always.

        It is in force in this process when this is answered, and in the other workers of the host within a second, also
        across restarts. Writes answer 503 with `Retry-After` and the reason.
        """
        return await service.put(data)
