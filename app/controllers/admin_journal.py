"""The journal, for the operator: pending deliveries and dead letters."""

from typing import Annotated

from litestar import delete, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter

from app.admin.calls import provide_journal_service
from app.admin.journal_service import JournalService
from app.auth.routes import SCOPE
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.operator_schemas import DeadLettersResponse, DiscardResponse, JournalResponse, RetryResponse
from app.http.parameters import PARAMETERS
from providers import limits

JOURNAL_PROBLEMS = (*OPERATOR_PROBLEMS, problems.NO_JOURNAL, problems.UNAVAILABLE)
_OF_DEAD_LETTER = problems.described(*JOURNAL_PROBLEMS, problems.DEAD_LETTER_NOT_FOUND)
_MAX_SEQ = 2**53 - 1  # the largest that every JSON reader reads exactly
Seq = Annotated[int, PathParameter(ge=1, le=_MAX_SEQ, description="The number of the operation.")]
Provider = Annotated[str, PathParameter(description="The provider that has not confirmed it.")]
_LIMIT = QueryParameter(ge=1, le=limits.MAX_LIST_LIMIT, description="Operations on a page.")
_AFTER = QueryParameter(ge=0, le=_MAX_SEQ, description="The `next_after` of the page before.")
_CONFIRM = QueryParameter(description="Must be true; without it the answer says what would be lost.")


class AdminJournalController(OperatorResource):
    """The journal that all processes share; 404 where there is none."""

    path = "/admin/journal"
    dependencies = {"service": Provide(provide_journal_service)}  # noqa: RUF012 - read by the framework, never changed

    @get("/", opt={SCOPE: "admin:read"}, responses=problems.described(*JOURNAL_PROBLEMS))
    async def journal_status(self, service: NamedDependency[JournalService]) -> JournalResponse:
        """Count what the journal holds, and what each provider has not confirmed."""
        return await service.status()

    @get(
        "/dead",
        opt={SCOPE: "admin:read", PARAMETERS: ("limit", "after")},
        responses=problems.described(*JOURNAL_PROBLEMS),
    )
    async def dead_letters(
        self,
        service: NamedDependency[JournalService],
        limit: Annotated[int, _LIMIT] = limits.DEFAULT_LIST_LIMIT,
        after: Annotated[int, _AFTER] = 0,
    ) -> DeadLettersResponse:
        """List deliveries that were given up, oldest first, without the texts of the memories."""
        return await service.dead(limit, after)

    @post(
        "/dead/{seq:int}/{provider:str}/retry", status_code=200, opt={SCOPE: "admin:write"}, responses=_OF_DEAD_LETTER
    )
    async def retry(self, seq: Seq, provider: Provider, service: NamedDependency[JournalService]) -> RetryResponse:
        """Make a dead letter due again at once, its failures forgotten."""
        return await service.retry(seq, provider)

    @delete(
        "/dead/{seq:int}/{provider:str}",
        status_code=200,
        opt={SCOPE: "admin:write", PARAMETERS: ("confirm",)},
        responses=_OF_DEAD_LETTER,
    )
    async def discard(
        self,
        seq: Seq,
        provider: Provider,
        service: NamedDependency[JournalService],
        *,
        confirm: Annotated[bool, _CONFIRM] = False,
    ) -> DiscardResponse:
        """Discard a dead letter for good: its provider lacks that operation, and is not believed about the memory."""
        return await service.discard(seq, provider, confirmed=confirm)
