"""The feed of all users' memories, for operators who may see them."""

from typing import Annotated, Any

from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import QueryParameter

from app.admin.feed_service import AdminFeedService
from app.auth.routes import SCOPE
from app.controllers.feed import MAX_WAIT_SECONDS
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.admission import price
from app.http.admission.admitted import admission_of
from app.http.answers import in_parts
from app.http.feed_schemas import AdminChangesResponse
from app.http.journal_cursors import MAX_JOURNAL_CURSOR_CHARS
from app.http.parameters import PARAMETERS
from providers.feed import DEFAULT_FEED_LIMIT, MAX_FEED_LIMIT

_AFTER_TEXT = "The `next` of the answer before; `now` for what comes; `0`, or nothing, for all that the journal knows."
_AFTER = QueryParameter(max_length=MAX_JOURNAL_CURSOR_CHARS, description=_AFTER_TEXT)
_LIMIT = QueryParameter(ge=1, le=MAX_FEED_LIMIT, description="Changes in one answer.")
_WAIT = QueryParameter(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a change, if there is none.")


async def provide_admin_feed(request: Request[Any, Any, Any]) -> AdminFeedService:
    """Gather what is needed to tell an operator what changed."""
    state = request.app.state
    return AdminFeedService(
        journal=state.chain.journal,
        keep=state.settings.chain.retention.keep,
        cursors=state.cursors,
        identity=request.state.identity,
        admission=admission_of(request.scope),
        ending=lambda: state.readiness.draining or state.chain.shutdown.begun,
    )


class AdminChangesController(OperatorResource):
    """What happens to the memories of all users."""

    path = "/admin/changes"
    dependencies = {"service": Provide(provide_admin_feed)}  # noqa: RUF012 - read by the framework, never changed

    @get(
        "/",
        opt={SCOPE: "admin:memories", PARAMETERS: ("after", "limit", "wait")},
        responses=problems.described(
            *OPERATOR_PROBLEMS, problems.NO_JOURNAL, problems.CURSOR_LOST, problems.UNAVAILABLE, problems.OVERLOADED
        ),
    )
    async def list_all_changes(
        self,
        service: NamedDependency[AdminFeedService],
        *,
        after: Annotated[str | None, _AFTER] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_FEED_LIMIT,
        wait: Annotated[int, _WAIT] = 0,
    ) -> Response[AdminChangesResponse]:
        """List what was put, changed and deleted of all users whom the key may see. Go on with `next` as `after`.

        Each memory is told as it is now, at least once; a deleted one without its text. The journal tells it, and knows
        it for as long as `chain.retention.keep` says: an older cursor, or one of another journal, is refused (409).
        """
        await service.admission.charge(price.of_page(limit, 0))
        return await in_parts(await service.changes(after, limit, wait))
