"""The writing of an export, page by page, so that it takes the same memory however long it is."""

from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import datetime
from io import BytesIO

from msgspec import Struct
from msgspec.structs import replace

from app.http.cursors import Cursors
from app.http.problems import problem_of
from app.portable.format import (
    FORMAT,
    VERSION,
    CheckpointLine,
    FailureLine,
    HeaderLine,
    Line,
    TrailerLine,
    encode,
    memory_line,
    tombstone_line,
)
from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.chain.tombstones import tombstones_page
from providers.errors import InvalidInput, ProviderError
from providers.limits import MAX_PAGE_LIMIT, check_uuid
from providers.owners import Owner
from providers.timing.turns import Turns
from providers.types import ALL, Conditions, PageQuery, as_page

PAGE_MEMORIES = MAX_PAGE_LIMIT
PAGE_BYTES = 1024 * 1024  # so much of the memories is held at a time, and once more as lines
_DELETED = "deleted:"  # a cursor among the tombstones: before the id of the last one, if there is one


class ExportedPage(Struct, frozen=True):
    """The lines of a page, and the cursor behind it, None if it is the last one."""

    lines: bytes
    memories: int
    tombstones: int
    degraded: tuple[str, ...]
    next_cursor: str | None


class Export(Struct, frozen=True):
    """What is exported: an owner's memories that meet the conditions, then, without conditions, the tombstones.

    `route` returns the providers that hold tombstones.
    """

    provider: MemoryProvider
    route: Callable[[], Route]
    owner: Owner
    cursors: Cursors
    conditions: Conditions = ALL

    async def pieces(self, after: str | None, now: datetime) -> AsyncGenerator[bytes, None]:
        """Yield lines, some at a time: from the header to the trailer, or to the failure that ends it early.

        What keeps the first page from being read is raised, and no line of the export: nothing was sent yet.

        Raises:
            InvalidInput: `after` is no cursor of an export with these conditions.
            RequestError: the cursor has expired.
            CursorLost: the provider that the cursor comes from does not answer any more.
            Unavailable: no provider answers.
        """
        memories = tombstones = 0
        degraded: list[str] = []
        page = await self.page(after)
        yield encode(self._header(after, now)) + page.lines
        while True:
            memories, tombstones = memories + page.memories, tombstones + page.tombstones
            degraded += [reason for reason in page.degraded if reason not in degraded]
            if page.next_cursor is None:
                yield encode(TrailerLine(kind="trailer", memories=memories, tombstones=tombstones, degraded=degraded))
                return
            try:
                page = await self.page(page.next_cursor)
            except ProviderError as error:
                yield encode(FailureLine(kind="failure", problem=problem_of(error)))
                return
            yield page.lines

    async def page(self, after: str | None) -> ExportedPage:
        """Return the page behind a cursor; errors as of `pieces`."""
        if after is not None and after.startswith(_DELETED):
            return await self._deleted(after.removeprefix(_DELETED))
        query = replace(
            as_page(self.conditions, self.owner),
            order="oldest",
            limit=PAGE_MEMORIES,
            most_bytes=PAGE_BYTES,
            quarantined=True,
        )
        return await self._living(query if after is None else self.cursors.continued(query, after, "after"))

    async def _living(self, query: PageQuery) -> ExportedPage:
        found = await self.provider.page(query)
        behind = self.cursors.next(found, query)
        if behind is None and self.conditions == ALL:
            behind = _DELETED
        lines = await _written(map(memory_line, found.memories), behind)
        return ExportedPage(lines, len(found.memories), 0, found.degraded, behind)

    async def _deleted(self, after: str) -> ExportedPage:
        if self.conditions != ALL:
            raise InvalidInput("after", "belongs to an export with other conditions")
        page = await tombstones_page(self.route(), self.owner, check_uuid("after", after) if after else None)
        behind = None if page.next_after is None else _DELETED + page.next_after
        lines = await _written(map(tombstone_line, page.tombstones), behind)
        return ExportedPage(lines, 0, len(page.tombstones), (), behind)

    def _header(self, after: str | None, now: datetime) -> HeaderLine:
        return HeaderLine(
            kind="header",
            format=FORMAT,
            version=VERSION,
            user_id=self.owner.user,
            tenant=self.owner.tenant,
            exported_at=now,
            after=after,
        )


async def _written(lines: Iterable[Line], behind: str | None) -> bytes:
    """Return lines as text, and behind them the checkpoint, if the export goes on there."""
    written, turns = BytesIO(), Turns()
    for line in lines:
        written.write(encode(line))
        await turns.take()
    if behind is not None:
        written.write(encode(CheckpointLine(kind="checkpoint", after=behind)))
    return written.getvalue()
