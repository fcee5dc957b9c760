"""The rules of retention, for the operator."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.admin.calls import provide_retention_service
from app.admin.retention_service import RetentionService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.parameters import PARAMETERS
from providers.chain.expiring.planning import RetentionPlan
from providers.replica_limits import MAX_KEY_CHARS

_AFTER = QueryParameter(
    description="The `next_after` of the page before.",
    schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARS},
)


class RetentionController(OperatorResource):
    """What rules would erase, shown before they do."""

    path = "/admin/retention"
    dependencies = {"service": Provide(provide_retention_service)}  # noqa: RUF012 - read by the framework, never changed

    @get(
        "/plan",
        opt={SCOPE: "admin:read", PARAMETERS: ("after",)},
        responses=problems.described(*OPERATOR_PROBLEMS, problems.UNAVAILABLE),
    )
    async def retention_plan(
        self, service: NamedDependency[RetentionService], after: Annotated[str | None, _AFTER] = None
    ) -> RetentionPlan:
        """Show for some seconds what the rules of retention would erase: counts and the oldest memories, no texts."""
        return await service.plan(after)
