"""The quarantines, for the operator: what a key wrote is hidden, everywhere and at once, until that is lifted."""

from typing import Annotated

from litestar import HttpMethod, Response, delete, get, post, route
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody, PathParameter, QueryParameter

from app.admin.calls import provide_quarantine_service
from app.admin.quarantine_service import QuarantineService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource, taking
from app.http import problems
from app.http.json.body import JsonDTO
from app.http.operator_schemas import QuarantinedResponse, QuarantineRequest, QuarantinesResponse
from app.http.parameters import PARAMETERS
from providers.provenance.quarantines import Quarantine
from providers.replica_limits import MAX_KEY_CHARS

_NOT_FOUND = problems.QUARANTINE_NOT_FOUND
_NOT_SAVED = problems.QUARANTINE_NOT_SAVED

QuarantineId = Annotated[str, PathParameter(description="The id of a quarantine.")]
_AFTER = QueryParameter(
    description="The `next_after` of the page before.",
    schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARS},
)


class QuarantinesController(OperatorResource):
    """Rules that every reader consults; the stores keep all memories as they are."""

    path = "/admin/quarantines"
    dependencies = {"service": Provide(provide_quarantine_service)}  # noqa: RUF012 - read by the framework, never changed

    # The framework's own would name the last of the methods alone; handlers are registered by name, and this is first.
    @route(http_method=HttpMethod.OPTIONS, status_code=204, opt={SCOPE: "admin:read"}, include_in_schema=False)
    async def allowed_methods(self) -> Response[None]:
        """Return the methods for quarantines."""
        return Response(None, headers={"Allow": "GET, OPTIONS, POST"})

    @get(opt={SCOPE: "admin:read"}, responses=problems.described(*OPERATOR_PROBLEMS))
    async def list_quarantines(self, service: NamedDependency[QuarantineService]) -> QuarantinesResponse:
        """List the quarantines of the process that answers, those in force and those that were lifted of late."""
        return service.describe()

    @post(
        status_code=200,
        opt={SCOPE: "admin:write"},
        **taking(JsonDTO[QuarantineRequest], *OPERATOR_PROBLEMS, _NOT_SAVED),
    )
    async def add_quarantine(
        self, data: JSONBody[QuarantineRequest], service: NamedDependency[QuarantineService]
    ) -> Quarantine:
        """Hide what a key wrote since a moment, and what it writes from now on.

        It is in force in this process when this is answered, in the other workers of the host and on all hosts that
        share the journal within a second, and across restarts. A memory that the key has only changed is hidden, too.
        """
        return await service.add(data)

    @delete(
        "/{quarantine_id:str}",
        status_code=200,
        opt={SCOPE: "admin:write"},
        responses=problems.described(*OPERATOR_PROBLEMS, _NOT_FOUND, _NOT_SAVED),
    )
    async def lift_quarantine(
        self, quarantine_id: QuarantineId, service: NamedDependency[QuarantineService]
    ) -> Quarantine:
        """Lift a quarantine: what it has hidden is shown again as it was. One that was lifted stays so."""
        return await service.lift(quarantine_id)

    @get(
        "/{quarantine_id:str}/memories",
        opt={SCOPE: "admin:read", PARAMETERS: ("after",)},
        responses=problems.described(*OPERATOR_PROBLEMS, problems.UNAVAILABLE, _NOT_FOUND),
    )
    async def list_quarantined(
        self,
        quarantine_id: QuarantineId,
        service: NamedDependency[QuarantineService],
        after: Annotated[str | None, _AFTER] = None,
    ) -> QuarantinedResponse:
        """List what is in a quarantine, of up to 20 users in one answer, by their names; without texts.

        An answer may be empty and not the last one: the last one is that without `next_after`.
        """
        return await service.memories(quarantine_id, after)
