"""The feed of all users' memories, for operators who may see them."""

from typing import Annotated, Any, cast

from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from app.admin.feed_audit import FeedAudit
from app.admin.feed_service import NOW, AdminFeedService
from app.admin.feed_stream import AdminEventStream
from app.auth.routes import SCOPE
from app.controllers.feed import LAST_EVENT, LAST_EVENT_TEXT, MAX_WAIT_SECONDS, wants_events
from app.controllers.resources import OPERATOR_PROBLEMS, OperatorResource
from app.http import problems
from app.http.admission import price
from app.http.admission.admitted import admission_of
from app.http.answers import in_parts
from app.http.event_stream import EVENT_HEADERS, EVENT_STREAM
from app.http.feed_schemas import AdminChangesResponse
from app.http.journal_cursors import MAX_JOURNAL_CURSOR_CHARS
from app.http.parameters import PARAMETERS
from observability import notes
from providers.errors import InvalidInput
from providers.feed import DEFAULT_FEED_LIMIT, MAX_FEED_LIMIT

PATH = "/admin/changes"
_AFTER_TEXT = "The `next` of the answer before; `now` for what comes; `0`, or nothing, for all that the journal knows."
_AFTER = QueryParameter(max_length=MAX_JOURNAL_CURSOR_CHARS, description=_AFTER_TEXT)
_LIMIT = QueryParameter(ge=1, le=MAX_FEED_LIMIT, description="Changes in one answer.")
_WAIT = QueryParameter(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a change, if there is none.")
_LAST = HeaderParameter(
    name=LAST_EVENT, description=LAST_EVENT_TEXT, schema_extra={"maxLength": MAX_JOURNAL_CURSOR_CHARS}
)


class AdminFeedCall(Struct, frozen=True):
    """What the handler receives: the service, the cursor of a stream that goes on, and whether a stream is wanted."""

    service: AdminFeedService
    last_event: str | None
    streams: bool


async def provide_admin_feed(
    request: Request[Any, Any, Any], last_event: Annotated[str | None, _LAST] = None
) -> AdminFeedCall:
    """Gather what is needed to tell an operator what changed."""
    state, noted = request.app.state, notes.current.get() or notes.Notes(request_id="")
    client = request.client
    service = AdminFeedService(
        journal=state.chain.journal,
        keep=state.settings.chain.retention.keep,
        cursors=state.cursors,
        identity=request.state.identity,
        admission=admission_of(request.scope),
        quarantines=lambda: state.quarantines.current,
        audit=FeedAudit(state.audit, noted, None if client is None else client.host, PATH),
        ending=lambda: state.readiness.draining or state.chain.shutdown.begun,
    )
    streams = wants_events(request)
    return AdminFeedCall(service, last_event if streams else None, streams)


class AdminChangesController(OperatorResource):
    """What happens to the memories of all users."""

    path = PATH
    dependencies = {"feed": Provide(provide_admin_feed)}  # noqa: RUF012 - read by the framework, never changed

    @get(
        "/",
        opt={SCOPE: "admin:memories", PARAMETERS: ("after", "limit", "wait")},
        responses=problems.described(
            *OPERATOR_PROBLEMS, problems.NO_JOURNAL, problems.CURSOR_LOST, problems.UNAVAILABLE, problems.OVERLOADED
        ),
    )
    async def list_all_changes(
        self,
        feed: NamedDependency[AdminFeedCall],
        *,
        after: Annotated[str | None, _AFTER] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_FEED_LIMIT,
        wait: Annotated[int, _WAIT] = 0,
    ) -> Response[AdminChangesResponse]:
        """List what was put, changed and deleted of all users whom the key may see. Go on with `next` as `after`.

        Each memory is told as it is now, at least once; a deleted one, and one in quarantine, without its text. The
        journal tells it, and knows it for as long as `chain.retention.keep` says: an older cursor, or one of another
        journal, is refused (409). With `wait` the answer comes as soon as there is a change, or another quarantine is
        in force. With `Accept: text/event-stream` the changes are server-sent events.
        """
        if feed.streams and wait:
            raise InvalidInput("wait", "is for answers in JSON: a stream waits by itself")
        field, cursor = ("after", after) if feed.last_event is None else (LAST_EVENT, feed.last_event)
        place = feed.service.place(cursor, field)
        await feed.service.admission.charge(price.of_page(limit, 0))
        page = await feed.service.page(place, limit, wait, now=cursor == NOW)
        if not feed.streams:
            return await in_parts(page.response)
        stream = AdminEventStream(feed.service, page, limit)
        # The document names both kinds of answers.
        return cast(
            "Response[AdminChangesResponse]", Stream(stream.events(), media_type=EVENT_STREAM, headers=EVENT_HEADERS)
        )
