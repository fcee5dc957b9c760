"""Changes as server-sent events, for as long as the client reads them.

https://html.spec.whatwg.org/multipage/server-sent-events.html
"""

from collections.abc import AsyncGenerator
from typing import Any

import msgspec
from litestar.serialization import default_serializer
from msgspec import Struct

from app.http.cursors import Cursors
from app.http.feed_cursors import feed_cursor
from app.http.feed_schemas import memory_change
from app.http.problems import problem_of
from app.http.watching import Watch, following
from providers.errors import ProviderError
from providers.feed import FeedChange, FeedPage, FeedPosition, FeedQuery

EVENT_STREAM = "text/event-stream"
# Nothing between us and the client may collect events: nginx does, unless it is told not to.
EVENT_HEADERS = {"X-Accel-Buffering": "no"}

RETRY_MILLISECONDS = 1_000  # after which a client connects again
ALIVE_SECONDS = 15.0  # after which a stream without changes says that it is there: proxies end a silent one after 60 s
STREAM_SECONDS = 300.0  # after which a stream ends; the client goes on with another one, and is asked for its key again

_encode = msgspec.json.Encoder(enc_hook=default_serializer).encode


class EventStream(Struct):
    """The events of one client: `page` is the first one, which has answered `query`."""

    watch: Watch
    query: FeedQuery
    page: FeedPage
    cursors: Cursors

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield one event for each change, and after each page the cursor behind it; hold nothing while they are sent.

        An error of the provider is an event `problem`, with which the stream ends.
        """
        query, page = self.query, self.page
        end = self.watch.now() + STREAM_SECONDS
        text = b"retry: %d\n\n" % RETRY_MILLISECONDS
        while True:
            text += b"".join(self._event_of(page, change) for change in page.changes)
            text += self._cursor_behind(page)
            with self.watch.admission.parked():
                yield text
            if self.watch.ending() or self.watch.now() >= end:
                return
            query = following(query, page)
            try:
                page = await self.watch.page(query, ALIVE_SECONDS)
            except ProviderError as error:
                yield event("problem", problem_of(error))
                return
            text = b""

    def _event_of(self, page: FeedPage, change: FeedChange) -> bytes:
        told = memory_change(change.state)
        return event(told.change, told, self._cursor(page, change.position))

    def _cursor_behind(self, page: FeedPage) -> bytes:
        """Return what moves the cursor of a client, is no event, and shows that the stream is alive."""
        return f": alive\nid: {self._cursor(page, page.position)}\n\n".encode()

    def _cursor(self, page: FeedPage, position: FeedPosition) -> str:
        return feed_cursor(self.cursors, self.query.owner, page.provider or "", position)


def event(name: str, data: Any, cursor: str | None = None) -> bytes:  # noqa: ANN401 - whatever JSON can hold
    """Return one event; with it the client notes the `cursor`, and sends it when it connects again."""
    behind = "" if cursor is None else f"id: {cursor}\n"
    return f"{behind}event: {name}\ndata: ".encode() + _encode(data) + b"\n\n"
