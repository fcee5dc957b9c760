"""What the browser asks of the service, for an operator: lists, recalls, one memory, an export, and a deletion."""

from typing import Any

from litestar import Request
from msgspec import Struct
from msgspec.structs import replace

from app.console.browser.finding import FoundUsers, find_users
from app.console.browser.hits import MemoryHit, hit_of
from app.console.browser.memory_view import MemoryView, memory_view
from app.console.browser.question import BrowserQuestion
from app.console.browser.reader import MemoryReader
from app.http.cursors import Cursors
from app.http.problems import Problem, problem_of
from app.portable.exporting import Export
from observability.notes import Deed, current
from providers.answers import Erased, Found
from providers.base import MemoryProvider
from providers.chain.chain import Chain
from providers.chain.comparing.places import MemoryPlaces, places_of
from providers.errors import MemoryNotFound, Unavailable
from providers.limits import check_memory_id
from providers.looks import looking
from providers.owners import Owner
from providers.search.answer_options import AnswerOptions
from providers.search.explanations import Considered
from providers.types import Conditions, Deletion, MemoryRecord, RecallQuery, as_page

LISTED = 25  # memories on a page
RECALLED = 20
MOST_BYTES = 4 * 1024 * 1024  # of the memories of a page
INSPECTED = "places"  # the deed in the audit of an operator who asks where a memory is


class FoundMemories(Struct, frozen=True, kw_only=True):
    """Memories and who answered; `eventual` is whether acknowledged writes may be missing.

    `considered` tells what a recall looked at, and `total` counts what a list's first page is of.
    """

    hits: list[MemoryHit]
    provider: str | None
    degraded: tuple[str, ...]
    eventual: bool
    next_cursor: str | None = None
    total: int | None = None
    considered: Considered | None = None


class Browser(Struct, frozen=True):
    """Serve an operator, the `reader`; memories are asked for as callers ask, so that all is measured and audited."""

    reader: MemoryReader
    provider: MemoryProvider
    chain: Chain
    cursors: Cursors

    async def users(self, tenant: str, prefix: str, after: str | None) -> FoundUsers:
        """Find users; see `find_users`."""
        return await find_users(self.chain.route, self.reader, tenant, prefix, after)

    async def listed(self, owner: Owner, question: BrowserQuestion, cursor: str | None) -> FoundMemories:
        """Return a page of an owner's list, from newest to oldest; raise as `Cursors.continued` and `page` do."""
        query = replace(as_page(question.conditions, owner), limit=LISTED, most_bytes=MOST_BYTES, total=cursor is None)
        found = await self.provider.page(query if cursor is None else self.cursors.continued(query, cursor))
        return _found(found, self.cursors.next(found, query))

    async def recalled(self, owner: Owner, question: BrowserQuestion) -> FoundMemories:
        """Return the answers to a question, each with the reasons of its place; raise as `find` does."""
        given = {name: getattr(question.conditions, name) for name in Conditions.__struct_fields__}
        query = RecallQuery(
            owner=owner,
            query=question.query,
            limit=RECALLED,
            options=AnswerOptions(explain=True),
            most_bytes=MOST_BYTES,
            **given,
        )
        with looking():
            return _found(await self.provider.find(query), None)

    async def memory(self, owner: Owner, memory_id: str) -> tuple[MemoryView, str | None, Problem | None]:
        """Return one memory, who answered, and the problem if nobody could.

        Raises:
            InvalidInput: the id is none.
            MemoryNotFound: nobody knows it, and everybody has answered.
        """
        memory_id = check_memory_id(memory_id)
        record: MemoryRecord | None = None
        answered: str | None = None
        problem: Problem | None = None
        absent: MemoryNotFound | None = None
        try:
            with looking():
                fetched = await self.provider.fetch(owner, memory_id)
            record, answered = fetched.memory, fetched.provider
        except MemoryNotFound as error:
            absent = error
        except Unavailable as error:
            problem = problem_of(error)
        found = await places_of(self.chain.route, self.chain.journal, owner, memory_id)
        _note_inspection(memory_id, found, shown=record is not None)
        if absent is not None and found.wanted is None and not any(one.trouble for one in found.places):
            raise absent
        return memory_view(record, found), answered, problem

    def export(self, owner: Owner, conditions: Conditions) -> Export:
        """Return the export of an owner's memories that meet conditions."""
        return Export(self.provider, lambda: self.chain.route, owner, self.cursors, conditions)

    async def forget(self, owner: Owner, memory_id: str) -> Erased:
        """Delete a memory for good.

        Raises:
            InvalidInput: the id is none.
            MemoryNotFound: there is none.
            Unavailable: it is unknown whether it was deleted.
        """
        memory_id = check_memory_id(memory_id)
        erased = await self.provider.erase(Deletion(owner=owner, memory_id=memory_id))
        if (notes := current.get()) is not None:
            notes.concerns(memory_id)
        if not erased.count:
            raise MemoryNotFound(memory_id)
        return erased


async def provide_browser(request: Request[Any, Any, Any]) -> Browser:
    """Gather what the browser needs of a request."""
    state = request.app.state
    reader = MemoryReader(request.state.identity, state.settings.tenants, state.metrics)
    return Browser(reader, state.provider, state.chain, state.cursors)


def _found(found: Found, cursor: str | None) -> FoundMemories:
    return FoundMemories(
        hits=[hit_of(memory) for memory in found.memories],
        provider=found.provider,
        degraded=found.degraded,
        eventual=found.eventual,
        next_cursor=cursor,
        total=found.total,
        considered=found.considered,
    )


def _note_inspection(memory_id: str, found: MemoryPlaces, *, shown: bool) -> None:
    """Note for the audit that somebody asked for the places of a memory, which pass no measured provider."""
    notes = current.get()
    if notes is not None and notes.deeds is not None:
        notes.deeds.append(Deed(INSPECTED, "ok", sum(one.holds is not None for one in found.places)))
        if not shown:
            notes.concerns(memory_id)
