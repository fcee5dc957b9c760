"""The wait for a change: ask again and again, and hold nothing in between."""

import asyncio
import time
from collections.abc import Callable

from msgspec import Struct
from msgspec.structs import replace

from app.http.admission.admitted import Charged
from providers.base import MemoryProvider
from providers.feed import FeedPage, FeedQuery

FIRST_PAUSE = 0.25  # seconds between two looks; others may have written, in any process, so that nobody wakes us
LONGEST_PAUSE = 2.0  # seconds; a thousand who wait then ask five hundred small questions a second
_GROWTH = 1.5


class Watch(Struct):
    """Look for changes until there are some, the time is up, or the process is about to stop.

    `ending` tells whether it is; what waits would hold it up.
    """

    provider: MemoryProvider
    admission: Charged
    ending: Callable[[], bool]
    now: Callable[[], float] = time.monotonic

    async def page(self, query: FeedQuery, seconds: float) -> FeedPage:
        """Return the changes behind a position as soon as there are some, none after so many seconds.

        Raises:
            ProviderError: as for `MemoryStore.feed`.
        """
        end = self.now() + seconds
        pause = FIRST_PAUSE
        while True:
            page = await self.provider.feed(query)
            left = end - self.now()
            if page.changes or left <= 0 or self.ending():
                return page
            # Behind what there is: without a position the first look would begin anew.
            query = following(query, page)
            with self.admission.parked():
                await asyncio.sleep(min(pause, left))
            pause = min(pause * _GROWTH, LONGEST_PAUSE)


def following(query: FeedQuery, page: FeedPage) -> FeedQuery:
    """Return the query for what comes behind a page."""
    return replace(query, after=page.position, provider=page.provider, now=False)
