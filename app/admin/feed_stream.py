"""The feed of all users as server-sent events, for as long as the operator reads them."""

from collections.abc import AsyncGenerator

from msgspec import Struct

from app.admin.feed_service import AdminFeedPage, AdminFeedService
from app.http.event_stream import ALIVE_SECONDS, RETRY_MILLISECONDS, STREAM_SECONDS, event
from app.http.feed_schemas import QuarantinesInForce
from app.http.problems import problem_of
from providers.errors import ProviderError

QUARANTINES = "quarantines"


class AdminEventStream(Struct):
    """The events of one operator: `page` is the first one, behind which pages of up to `limit` changes follow."""

    service: AdminFeedService
    page: AdminFeedPage
    limit: int

    async def events(self) -> AsyncGenerator[bytes, None]:
        """Yield one event for each change, and one where quarantines hide or show; after each page its cursor.

        An error of the journal is an event `problem`, with which the stream ends.
        """
        page, service = self.page, self.service
        end = service.now() + STREAM_SECONDS
        text = b"retry: %d\n\n" % RETRY_MILLISECONDS
        while True:
            text += _told(page)
            with service.admission.parked():
                yield text
            if service.ending() or service.now() >= end:
                return
            try:
                page = await service.page(page.place, self.limit, ALIVE_SECONDS)
            except ProviderError as error:
                yield event("problem", problem_of(error))
                return
            text = b""


def _told(page: AdminFeedPage) -> bytes:
    """Return the events of a page, and what moves the cursor of a client, is no event, and shows that it is alive."""
    told = [event(change.change, change, cursor) for change, cursor in page.changes]
    if page.news:
        told.append(event(QUARANTINES, QuarantinesInForce(page.quarantines), page.next))
    return b"".join([*told, f": alive\nid: {page.next}\n\n".encode()])
