"""The feed of the calling user's memories: what was put, changed and deleted, as it happens."""

from typing import Annotated, Any, cast

from litestar import Request, Response, get
from litestar.di import NamedDependency, Provide
from litestar.params import HeaderParameter, QueryParameter
from litestar.response import Stream
from msgspec import Struct

from app.auth.routes import SCOPE
from app.controllers.resources import READ_PROBLEMS, UserResource
from app.http import problems
from app.http.admission import price
from app.http.answers import in_parts
from app.http.calls import ReadCall, provide_call
from app.http.cursors import Cursors
from app.http.event_stream import EVENT_HEADERS, EVENT_STREAM, EventStream
from app.http.feed_cursors import MAX_FEED_CURSOR_CHARS, feed_behind
from app.http.feed_schemas import ChangesResponse, changes_response
from app.http.parameters import PARAMETERS
from app.http.watching import Watch
from observability import notes
from providers.errors import InvalidInput
from providers.feed import DEFAULT_FEED_LIMIT, MAX_FEED_LIMIT, FeedQuery

MAX_WAIT_SECONDS = 60
NOW = "now"
BEGINNING = ("", "0")
LAST_EVENT = "Last-Event-ID"
_JSON = "application/json"

_AFTER_TEXT = (
    "The `next` of the answer before; `now` for what comes; `0`, or nothing, for everything and then what comes."
)
_AFTER = QueryParameter(max_length=MAX_FEED_CURSOR_CHARS, description=_AFTER_TEXT)
_LIMIT = QueryParameter(ge=1, le=MAX_FEED_LIMIT, description="Changes in one answer.")
_WAIT = QueryParameter(ge=0, le=MAX_WAIT_SECONDS, description="Seconds to wait for a change, if there is none.")
LAST_EVENT_TEXT = (
    "Of a stream: the `id` of the last event, which goes before `after`. `EventSource` sends it by itself."
)
_LAST = HeaderParameter(
    name=LAST_EVENT,
    description=LAST_EVENT_TEXT,
    schema_extra={"maxLength": MAX_FEED_CURSOR_CHARS},
)


class FeedCall(Struct, frozen=True):
    """What the handler receives: the call, the cursor of a stream that goes on, and whether a stream is wanted."""

    read: ReadCall
    cursors: Cursors
    watch: Watch
    last_event: str | None
    streams: bool

    def query(self, after: str | None, limit: int) -> FeedQuery:
        """Return the query of a request; raise `InvalidInput` if its cursor is not one of this feed."""
        field, text = ("after", after) if self.last_event is None else (LAST_EVENT, self.last_event)
        query = FeedQuery(owner=self.read.owner, limit=limit, now=text == NOW, most_bytes=self.read.most_bytes)
        if text is None or text == NOW or text in BEGINNING:
            return query
        return feed_behind(self.cursors, query, text, field)


async def provide_feed_call(
    request: Request[Any, Any, Any],
    call: NamedDependency[ReadCall],
    last_event: Annotated[str | None, _LAST] = None,
) -> FeedCall:
    """Gather what the handler needs."""
    state = request.app.state
    watch = Watch(call.provider, call.admission, lambda: state.readiness.draining or state.chain.shutdown.begun)
    streams = wants_events(request)
    return FeedCall(call, state.cursors, watch, last_event if streams else None, streams)


def wants_events(request: Request[Any, Any, Any]) -> bool:
    """Return whether a client takes server-sent events, and nothing else that could be the answer."""
    accepted = request.headers.get("accept", "").lower()
    return EVENT_STREAM in accepted and _JSON not in accepted


class FeedController(UserResource):
    """What happens to one user's memories."""

    tags = ("memory",)
    dependencies = {"call": Provide(provide_call), "feed": Provide(provide_feed_call)}  # noqa: RUF012 - as there

    @get(
        "/changes",
        opt={SCOPE: "memory:read", PARAMETERS: ("after", "limit", "wait")},
        responses=problems.described(
            *READ_PROBLEMS, problems.CURSOR_LOST, problems.SESSION_LOST, problems.TOO_DEAR, problems.UNSUPPORTED
        ),
    )
    async def list_changes(
        self,
        feed: NamedDependency[FeedCall],
        *,
        after: Annotated[str | None, _AFTER] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_FEED_LIMIT,
        wait: Annotated[int, _WAIT] = 0,
    ) -> Response[ChangesResponse]:
        """List what was put, changed and deleted, in the order of the changes. Go on with `next` as `after`.

        Each memory is told as it is now, at least once; a deleted one without its text. With `wait` the answer comes as
        soon as there is a change. With `Accept: text/event-stream` the changes are server-sent events. A cursor from
        before the store was restored or replaced is refused (409): begin again without it.
        """
        if feed.streams and wait:
            raise InvalidInput("wait", "is for answers in JSON: a stream waits by itself")
        query = feed.query(after, limit)
        await feed.read.admission.charge(price.of_page(limit, 0))
        page = await feed.watch.page(query, _granted(wait))
        if not feed.streams:
            return await in_parts(changes_response(feed.cursors, query.owner, page))
        stream = EventStream(feed.watch, query, page, feed.cursors)
        # The document names both kinds of answers.
        return cast(
            "Response[ChangesResponse]", Stream(stream.events(), media_type=EVENT_STREAM, headers=EVENT_HEADERS)
        )


def _granted(wait: int) -> float:
    """Return the seconds to wait, of a caller that may not wait that long."""
    asked = notes.current.get()
    return float(wait) if asked is None or asked.patience is None else min(wait, asked.patience)
