"""The usage of keys, users and tenants, for the operator."""

from typing import Annotated, Literal

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.admin.calls import provide_usage_service
from app.admin.usage_service import UsageService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.parameters import PARAMETERS
from app.http.usage_schemas import UsageResponse
from providers import limits
from providers.replica_limits import MAX_KEY_CHARS

By = Literal["key", "user", "tenant"]

LIMIT = QueryParameter(ge=1, le=limits.MAX_LIST_LIMIT, description="Names on a page.")
AFTER = QueryParameter(
    description="The `next_after` of the page before.",
    schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARS},
)


class UsageController(OperatorResource):
    """Counts without texts."""

    path = "/admin/usage"
    dependencies = {"service": Provide(provide_usage_service)}  # noqa: RUF012 - read by the framework, never changed

    @get(
        opt={SCOPE: "admin:read", PARAMETERS: ("by", "limit", "after")},
        responses=problems.described(*OPERATOR_PROBLEMS, problems.UNAVAILABLE),
    )
    async def usage(
        self,
        service: NamedDependency[UsageService],
        by: Annotated[By, QueryParameter(description="Whose usage.")] = "user",
        limit: Annotated[int, LIMIT] = limits.DEFAULT_LIST_LIMIT,
        after: Annotated[str | None, AFTER] = None,
    ) -> UsageResponse:
        """Show what keys, users or tenants have asked of all hosts that share limits, what they hold, and may hold.

        Users are those who hold memories, or did; keys and tenants those who have asked a host, or hold some. A page
        may have fewer names than `limit`: the last page is the one without `next_after`.
        """
        return await service.page(by, limit, after)
