"""The writing of an export, page by page, so that it takes the same memory however long it is."""

from collections.abc import AsyncGenerator, Callable, Iterable
from datetime import UTC, datetime
from hashlib import blake2b
from io import BytesIO

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from app.http.cursors import Cursors
from app.http.history_schemas import MAX_VERSION_DIGITS
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
    version_line,
)
from providers.base import MemoryProvider
from providers.chain.route import Route
from providers.chain.tombstones import tombstones_page
from providers.errors import InvalidInput, ProviderError
from providers.histories import HistoriesQuery, VersionPlace
from providers.limits import MAX_PAGE_LIMIT, MAX_VERSION, check_range, check_uuid
from providers.owners import Owner
from providers.timing.turns import Turns
from providers.types import ALL, Conditions, PageQuery, as_page

PAGE_MEMORIES = MAX_PAGE_LIMIT
PAGE_BYTES = 1024 * 1024  # so much of the memories is held at a time, and once more as lines
_DELETED = "deleted:"  # a cursor among the tombstones: before the id of the last one, if there is one
_VERSIONS = "versions:"  # one among versions: before a digest of the conditions, and the last one's id and number
_DIGEST_BYTES = 8  # it tells a caller's own exports apart, and protects nothing
_OTHER_CONDITIONS = "belongs to an export with other conditions"

_encode_sorted = msgspec.json.Encoder(order="sorted").encode


class ExportedPage(Struct, frozen=True):
    """The lines of a page, and the cursor behind it, None if it is the last one."""

    lines: bytes
    next_cursor: str | None
    memories: int = 0
    versions: int = 0
    tombstones: int = 0
    degraded: tuple[str, ...] = ()


class Export(Struct, frozen=True):
    """What is exported: an owner's memories that meet the conditions, their histories, and then the tombstones.

    With conditions there are no tombstones, which have nothing that could meet them.

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
        memories = versions = tombstones = 0
        degraded: list[str] = []
        page = await self.page(after)
        yield encode(self._header(after, now)) + page.lines
        while True:
            memories, versions = memories + page.memories, versions + page.versions
            tombstones += page.tombstones
            degraded += [reason for reason in page.degraded if reason not in degraded]
            if page.next_cursor is None:
                counts = {"memories": memories, "versions": versions, "tombstones": tombstones}
                yield encode(TrailerLine(kind="trailer", **counts, degraded=degraded))
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
        if after is not None and after.startswith(_VERSIONS):
            return await self._superseded(self._place_in(after.removeprefix(_VERSIONS)))
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
        if behind is None:
            behind = self._cursor_of(None)
        lines = await _written(map(memory_line, found.memories), behind)
        return ExportedPage(lines, behind, memories=len(found.memories), degraded=found.degraded)

    async def _superseded(self, after: VersionPlace | None) -> ExportedPage:
        now = self.conditions.now or datetime.now(UTC)
        conditions = replace(self.conditions, now=now)  # of what has expired no version is told either
        page = await self.provider.histories(HistoriesQuery(owner=self.owner, conditions=conditions, after=after))
        behind = None if page.behind is None else self._cursor_of(page.behind)
        if behind is None and self.conditions == ALL:
            behind = _DELETED
        lines = await _written(map(version_line, page.versions), behind)
        return ExportedPage(lines, behind, versions=len(page.versions), degraded=page.degraded)

    def _cursor_of(self, place: VersionPlace | None) -> str:
        """Return the cursor behind a version, or before all of them."""
        memory_id, version = place or ("", "")
        return f"{_VERSIONS}{self._digest}:{memory_id}:{version}"

    def _place_in(self, after: str) -> VersionPlace | None:
        """Return the version behind which a cursor goes on, None before all of them; raise `InvalidInput`."""
        digest, _, place = after.partition(":")
        if digest != self._digest:
            raise InvalidInput("after", _OTHER_CONDITIONS)
        memory_id, _, number = place.partition(":")
        if not memory_id and not number:
            return None
        if not (number.isascii() and number.isdigit() and len(number) <= MAX_VERSION_DIGITS):
            raise InvalidInput("after", "is not a cursor of this service")
        check_range("after", int(number), 1, MAX_VERSION)
        return check_uuid("after", memory_id), int(number)

    @property
    def _digest(self) -> str:
        return blake2b(_encode_sorted(self.conditions), digest_size=_DIGEST_BYTES).hexdigest()

    async def _deleted(self, after: str) -> ExportedPage:
        if self.conditions != ALL:
            raise InvalidInput("after", _OTHER_CONDITIONS)
        page = await tombstones_page(self.route(), self.owner, check_uuid("after", after) if after else None)
        behind = None if page.next_after is None else _DELETED + page.next_after
        lines = await _written(map(tombstone_line, page.tombstones), behind)
        return ExportedPage(lines, behind, tombstones=len(page.tombstones))

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
