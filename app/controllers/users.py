"""The users of the service, for the operator."""

from typing import Annotated, Literal

from litestar import HttpMethod, Response, delete, get, route
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from app.admin.calls import provide_export_service, provide_users_service
from app.admin.export_service import ExportService
from app.admin.users_service import UsersService
from app.auth.routes import SCOPE
from app.controllers.lists import CONDITIONS, provide_conditions
from app.controllers.portable import After
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.erasure.schemas import ErasureResponse
from app.erasure.service import OperatorsErasures, provide_operators_erasures, status_of
from app.http import problems
from app.http.line_stream import LineStream
from app.http.operator_schemas import UsersResponse
from app.http.parameters import PARAMETERS
from app.http.schemas import ConditionsRequest
from app.portable.answers import described_export, streamed
from providers import limits
from providers.errors import InvalidInput
from providers.replica_limits import MAX_KEY_CHARS

_PROBLEMS = problems.described(*OPERATOR_PROBLEMS, problems.UNAVAILABLE)
_LIMIT = QueryParameter(ge=1, le=limits.MAX_LIST_LIMIT, description="Users on a page.")
_AFTER = QueryParameter(
    description="The `next_after` of the page before.",
    schema_extra={"minLength": 1, "maxLength": MAX_KEY_CHARS},
)

_USER = PathParameter(
    description="The user whose memories are exported.",
    schema_extra={"minLength": 1, "maxLength": limits.MAX_USER_ID_CHARS},
)

_ERASED_USER = PathParameter(
    description="The user who is erased.", schema_extra={"minLength": 1, "maxLength": limits.MAX_USER_ID_CHARS}
)
_CONFIRM = QueryParameter(description="`everything`.")
_NAMED_USER = QueryParameter(
    description="The user, by an id of any form: one with a slash can stand in no path.",
    schema_extra={"minLength": 1, "maxLength": limits.MAX_USER_ID_CHARS},
)

UserId = Annotated[str, _USER]
ErasedUserId = Annotated[str, _ERASED_USER]
NamedUserId = Annotated[str, _NAMED_USER]
Confirm = Annotated[Literal["everything"] | None, _CONFIRM]

_ERASED = problems.described(
    *OPERATOR_PROBLEMS,
    problems.UNAVAILABLE,
    problems.RATE_LIMITED,
    problems.READ_ONLY,
    accepted=ErasureResponse,
)
_EXPORTED = described_export(*OPERATOR_PROBLEMS, problems.UNAVAILABLE, problems.CURSOR_LOST, problems.TOO_DEAR)
_EXPORT = {"service": Provide(provide_export_service), "conditions": Provide(provide_conditions)}


class UsersController(OperatorResource):
    """Counts without texts, and an export with all of them."""

    path = "/admin/users"
    dependencies = {"service": Provide(provide_users_service)}  # noqa: RUF012 - read by the framework, never changed

    # The framework's own would name the last of the methods alone; handlers are registered by name, and this is first.
    @route(http_method=HttpMethod.OPTIONS, status_code=204, opt={SCOPE: "admin:read"}, include_in_schema=False)
    async def allowed_methods(self) -> Response[None]:
        """Return the methods for users."""
        return Response(None, headers={"Allow": "DELETE, GET, OPTIONS"})

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

    @delete(
        "/{user_id:str}",
        status_code=200,
        opt={SCOPE: "admin:write", PARAMETERS: ("confirm",)},
        dependencies={"service": Provide(provide_operators_erasures)},
        responses=_ERASED,
    )
    async def erase_user(
        self, user_id: ErasedUserId, service: NamedDependency[OperatorsErasures], confirm: Confirm = None
    ) -> Response[ErasureResponse]:
        """Erase a user from every store and the journal for good, and return the receipt.

        202 if that takes longer than some seconds, or until a store that is down is back: it goes on by itself, and
        `getErasure` tells how far it is. Repeated meanwhile it is the same erasure. The key must speak for the user.
        """
        return await _erased(service, user_id, confirm)

    @delete(
        status_code=200,
        opt={SCOPE: "admin:write", PARAMETERS: ("user_id", "confirm")},
        dependencies={"service": Provide(provide_operators_erasures)},
        responses=_ERASED,
    )
    async def erase_named_user(
        self, user_id: NamedUserId, service: NamedDependency[OperatorsErasures], confirm: Confirm = None
    ) -> Response[ErasureResponse]:
        """Erase a user who is named in the query, as `eraseUser` does."""
        return await _erased(service, user_id, confirm)

    @get(
        "/{user_id:str}/export",
        opt={SCOPE: "admin:read", PARAMETERS: ("after", *CONDITIONS)},
        dependencies=_EXPORT,
        responses=_EXPORTED,
    )
    async def export_user(
        self,
        user_id: UserId,
        service: NamedDependency[ExportService],
        conditions: NamedDependency[ConditionsRequest],
        after: After = None,
    ) -> LineStream:
        """Export the memories of a user, as `exportMemories` does.

        Since it shows texts, the key also needs the scope `memory:export`, and must speak for that user: one of its own
        tenant, and of its own users where it has some.
        """
        return await streamed(service.export(user_id, conditions), after)


class NamedUserController(OperatorResource):
    """An export by a path of its own: a user may be called `export`, and below `/admin/users` stands who is meant."""

    @get(
        "/admin/export",
        opt={SCOPE: "admin:read", PARAMETERS: ("user_id", "after", *CONDITIONS)},
        dependencies=_EXPORT,
        responses=_EXPORTED,
    )
    async def export_named_user(
        self,
        user_id: NamedUserId,
        service: NamedDependency[ExportService],
        conditions: NamedDependency[ConditionsRequest],
        after: After = None,
    ) -> LineStream:
        """Export the memories of a user who is named in the query, as `exportUser` does."""
        return await streamed(service.export(user_id, conditions), after)


async def _erased(
    service: OperatorsErasures, user_id: str, confirm: Literal["everything"] | None
) -> Response[ErasureResponse]:
    if confirm is None:
        raise InvalidInput("confirm", 'must be "everything": this erases all that there is of the user for good')
    receipt = await service.erase(user_id)
    return Response(receipt, status_code=status_of(receipt))
