"""The users of the service, for the operator."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.admin.calls import provide_users_service
from app.admin.users_service import UsersService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.operator_schemas import UsersResponse
from app.http.parameters import PARAMETERS
from providers import limits
from providers.replica_limits import MAX_KEY_CHARS

_PROBLEMS = problems.described(*OPERATOR_PROBLEMS, problems.UNAVAILABLE)
_LIMIT = QueryParameter(ge=1, le=limits.MAX_LIST_LIMIT, description="Users on a page.")
_AFTER = QueryParameter(
    description="The `next_after` of the page before.",
    schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARS},
)


class UsersController(OperatorResource):
    """Counts without texts."""

    path = "/admin/users"
    dependencies = {"service": Provide(provide_users_service)}  # noqa: RUF012 - read by the framework, never changed

    @get(opt={SCOPE: "admin:read", PARAMETERS: ("limit", "after")}, responses=_PROBLEMS)
    async def list_users(
        self,
        service: NamedDependency[UsersService],
        limit: Annotated[int, _LIMIT] = limits.DEFAULT_LIST_LIMIT,
        after: Annotated[str | None, _AFTER] = None,
    ) -> UsersResponse:
        """List the users who have memories, or had some, with how many, ordered by name.

        The counts are those of the provider that answers; what waits in the journal for it is not counted yet. A page
        may hold fewer users than `limit` where counting takes long: the last page is the one without `next_after`.
        """
        return await service.page(limit, after)
