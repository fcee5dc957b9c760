"""Scrapes of the metrics: however many scrapers ask, the metrics are rendered at most once a second."""

import asyncio
import gzip
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from prometheus_client import CollectorRegistry

from observability.metrics.exposing import expose
from observability.recent import SHARED_SECONDS, Recent

OPEN_METRICS = "application/openmetrics-text"
TEXT = "text/plain"
PATIENCE_SECONDS = 10.0  # as long as Prometheus waits for a scrape by default

_GZIP_LEVEL = 6  # The best level takes three times as long for a thirtieth less.


class Exposed:
    """Hold all metrics in one format; compressed at most once."""

    def __init__(self, plain: bytes, content_type: str) -> None:
        self.plain = plain
        self.content_type = content_type
        self._packing: asyncio.Task[bytes] | None = None

    async def packed(self) -> bytes:
        """Return them in gzip."""
        if self._packing is None:
            self._packing = asyncio.create_task(asyncio.to_thread(self._pack), name="pack metrics")
        return await asyncio.shield(self._packing)

    def _pack(self) -> bytes:
        return gzip.compress(self.plain, _GZIP_LEVEL, mtime=0)


class Scrapes:
    """Render the metrics that `gathered` returns, in the two formats that scrapers know; one rendering at a time."""

    def __init__(
        self,
        gathered: Callable[[], Awaitable[CollectorRegistry]],
        shared_seconds: float = SHARED_SECONDS,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self._gathered = gathered
        self._patience = patience
        self._turn = asyncio.Lock()
        self._formats = {
            accepted: Recent(partial(self._exposed, accepted), "expose metrics", shared_seconds)
            for accepted in (OPEN_METRICS, TEXT)
        }

    async def newest(self, accept: str) -> Exposed:
        """Return the metrics as they were at most a second ago, in the format that the scraper accepts.

        Raises:
            NotReadyInTime: they cannot be had in time.
        """
        return await self._formats[_format(accept)].get(self._patience)

    async def aclose(self) -> None:
        """Cancel what is under way."""
        await asyncio.gather(*(recent.aclose() for recent in self._formats.values()))

    async def _exposed(self, accepted: str) -> Exposed:
        async with self._turn:
            # In a thread, since thousands of lines would hold up every request for tens of milliseconds.
            return Exposed(*await asyncio.to_thread(expose, await self._gathered(), accepted))


def _format(accept: str) -> str:
    """Choose OpenMetrics 1 for a scraper that names it, and the text format for all others.

    There are only two, whatever is requested: a rendering for every version and escaping that a scraper may name would
    let it cause as many renderings as it likes.
    """
    for accepted in accept.split(","):
        name, *parameters = (part.strip().lower() for part in accepted.split(";"))
        if name == OPEN_METRICS and _takes_the_first(parameters):
            return OPEN_METRICS
    return TEXT


def _takes_the_first(parameters: Sequence[str]) -> bool:
    named = dict(parameter.partition("=")[::2] for parameter in parameters)
    return named.get("version", "1").startswith("1") and named.get("q", "1").strip("0") not in {"", "."}
