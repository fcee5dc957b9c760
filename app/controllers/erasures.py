"""The receipts of erasures: for the operator all of them, for a user its own."""

from typing import Annotated

from litestar import get
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, READ_PROBLEMS, OperatorResource, UserResource
from app.erasure.schemas import ErasureResponse, ErasuresResponse
from app.erasure.service import ErasureService, provide_erasures
from app.http import problems
from app.http.calls import ReadCall
from app.http.parameters import PARAMETERS
from providers import limits
from providers.erasure.records import MAX_ERASURES

MAX_ERASURE_ID_CHARS = 36
_LIMIT = QueryParameter(ge=1, le=MAX_ERASURES, description="Erasures that are shown.")
_ID = PathParameter(
    description="The `erasure_id` of the receipt.", schema_extra={"minLength": 1, "maxLength": MAX_ERASURE_ID_CHARS}
)

ErasureId = Annotated[str, _ID]


class AdminErasuresController(OperatorResource):
    """The erasures that are going on, and those that are still remembered."""

    path = "/admin/erasures"
    dependencies = {"service": Provide(provide_erasures)}  # noqa: RUF012 - read by the framework, never changed

    @get(
        opt={SCOPE: "admin:read", PARAMETERS: ("limit",)},
        responses=problems.described(*OPERATOR_PROBLEMS, problems.UNAVAILABLE),
    )
    async def list_erasures(
        self,
        service: NamedDependency[ErasureService],
        limit: Annotated[int, _LIMIT] = limits.DEFAULT_LIST_LIMIT,
    ) -> ErasuresResponse:
        """List the erasures of users, the newest first, with their receipts."""
        return await service.receipts(limit)

    @get(
        "/{erasure_id:str}",
        opt={SCOPE: "admin:read"},
        responses=problems.described(*OPERATOR_PROBLEMS, problems.ERASURE_NOT_FOUND, problems.UNAVAILABLE),
    )
    async def admin_erasure(self, erasure_id: ErasureId, service: NamedDependency[ErasureService]) -> ErasureResponse:
        """Return the receipt of an erasure: what was removed, what the stores were asked afterwards, and what stays."""
        return await service.receipt(erasure_id)


class ErasuresController(UserResource):
    """The erasures of the calling user."""

    tags = ("memory",)

    @get(
        "/erasures/{erasure_id:str}",
        opt={SCOPE: "memory:read"},
        dependencies={"service": Provide(provide_erasures)},
        responses=problems.described(*READ_PROBLEMS, problems.ERASURE_NOT_FOUND),
    )
    async def erasure(
        self, erasure_id: ErasureId, call: NamedDependency[ReadCall], service: NamedDependency[ErasureService]
    ) -> ErasureResponse:
        """Return the receipt of an erasure of the calling user, as `deleteAllMemories` with `erase` began it."""
        return await service.receipt(erasure_id, call.owner)
