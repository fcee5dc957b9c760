"""The way of every read: what the journal knows, then the first provider that answers, then both merged."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from observability import notes
from providers.chain.account import JOURNAL, Account
from providers.chain.deadline import Deadline
from providers.chain.errors import BreakerOpen, Refused
from providers.chain.knowledge import Knowledge
from providers.chain.link import Link
from providers.chain.listing import pages_over
from providers.chain.overlay import is_first, record_of
from providers.chain.policy import OperationClass
from providers.chain.route import NobodyComplete, Route
from providers.chain.turn import Turn
from providers.errors import ASK_AGAIN, CursorLost, MemoryNotFound, Rejected, TimedOut, Unavailable
from providers.journal.base import JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.limits import MAX_LIST_LIMIT, MAX_RECALL_LIMIT
from providers.types import MemoryRecord, Position, RecallQuery, Snapshot

Answer = TypeVar("Answer")


class Reader:
    """Reads of a chain; each takes the route as it stands at its beginning."""

    def __init__(self, account: Account) -> None:
        self._account = account

    async def recall(self, route: Route, query: RecallQuery, end: Deadline | None = None) -> list[MemoryRecord]:
        """Find the memories nearest to a question, before the `end` of what it is a part of; see `MemoryProvider`."""
        deadline = self._account.deadline(route, OperationClass.RECALL)
        if end is not None:
            deadline = deadline.earlier(end.remaining())
        known = await self._about(route, query.user_id, deadline)

        async def ask(link: Link, turn: Turn) -> list[MemoryRecord]:
            overlay = await known.over(link.name, turn.deadline)
            # As many more as the overlay may take away.
            limit = min(query.limit + len(overlay), MAX_RECALL_LIMIT)
            found = await link.call(
                lambda provider: provider.recall(
                    query.user_id,
                    query.query,
                    limit,
                    where=query.where,
                    created_from=query.created_from,
                    created_before=query.created_before,
                    min_score=query.min_score,
                ),
                OperationClass.RECALL,
                turn,
            )
            if not len(overlay):
                return found
            return overlay.recalled(query, await known.living(link.name, found, turn.deadline))

        return await self._found(known, route, OperationClass.RECALL, deadline, ask)

    async def page(
        self, route: Route, user_id: str, limit: int, offset: int, after: Position | None
    ) -> list[MemoryRecord]:
        """List memories from newest to oldest; see `MemoryProvider`."""
        request = notes.current.get()
        goes_on_with = None if request is None or after is None else request.page_of
        if goes_on_with is not None:
            route = route.only(goes_on_with)
        deadline = self._account.deadline(route, OperationClass.READ)
        known = await self._about(route, user_id, deadline)

        async def ask(link: Link, turn: Turn) -> list[MemoryRecord]:
            pages = await pages_over(known, link, user_id, turn)
            return await pages(limit, offset, after)

        try:
            return await self._found(known, route, OperationClass.READ, deadline, ask)
        except JournalUnavailable:
            raise
        except Unavailable as error:
            if goes_on_with is None:
                raise
            raise CursorLost(goes_on_with) from error

    async def everything(self, route: Route, user_id: str, limit: int, deadline: Deadline) -> list[MemoryRecord]:
        """Give up to `limit` of a user's memories, however many pages that takes, the newest first.

        Raises:
            JournalUnavailable: it cannot be asked.
        """
        known = await self._about(route, user_id, deadline)
        if known.lost is not None:
            raise known.lost

        async def ask(link: Link, turn: Turn) -> list[MemoryRecord]:
            pages = await pages_over(known, link, user_id, turn)
            found: list[MemoryRecord] = []
            after = None
            while len(found) < limit:
                page = await pages(MAX_LIST_LIMIT, 0, after)
                found += page
                if len(page) < MAX_LIST_LIMIT:
                    break
                after = Position(page[-1].created_at, page[-1].id)
            return found[:limit]

        return await self.first(route.certain, OperationClass.READ, deadline, ask)

    async def get(self, route: Route, user_id: str, memory_id: str) -> MemoryRecord:
        """Give one memory; see `MemoryProvider`."""
        deadline = self._account.deadline(route, OperationClass.READ)
        known = Knowledge(self._account, user_id)
        entry = await known.entry(memory_id, deadline)

        async def ask(link: Link, turn: Turn) -> MemoryRecord:
            if entry is not None and (entry.state.deleted or (link.name in entry.pending and not is_first(entry))):
                return _from_journal(entry)
            try:
                return await link.call(
                    lambda provider: provider.get(user_id, memory_id),
                    OperationClass.READ,
                    turn,
                )
            except MemoryNotFound:
                if entry is None or link.name not in entry.pending:
                    raise
                return _from_journal(entry)

        try:
            try:
                return await self.first(known.on(route), OperationClass.READ, deadline, ask)
            except MemoryNotFound:
                if known.lost is None:
                    raise
                # Not found is no answer without the journal, which has the rest of the time to say something.
                entry = await known.entry_again(memory_id, deadline)
                return await self.first(route.certain, OperationClass.READ, deadline, ask)
        except Unavailable as error:
            if entry is None:
                raise
            self._account.degrade(f"home_{error.outcome}")
            return _from_journal(entry)

    async def entry(self, user_id: str, memory_id: str, deadline: Deadline) -> JournalEntry | None:
        """Give what the journal knows of a memory, None if it knows nothing (any more).

        Raises:
            JournalUnavailable: it cannot be asked.
        """
        return await self._account.journal(lambda journal: journal.newest(user_id, memory_id), deadline.remaining())

    async def snapshot(self, route: Route, user_id: str, memory_id: str, deadline: Deadline) -> Snapshot | None:
        """Give the state of a memory, or its tombstone, of which the journal knows nothing."""
        _, state = await self.witnessed(route, user_id, memory_id, deadline)
        return state

    async def witnessed(
        self, route: Route, user_id: str, memory_id: str, deadline: Deadline
    ) -> tuple[Link, Snapshot | None]:
        """As above, with whose word it is."""

        async def ask(link: Link, turn: Turn) -> tuple[Link, Snapshot | None]:
            return link, await link.call(
                lambda provider: provider.snapshot(user_id, memory_id),
                OperationClass.READ,
                turn,
            )

        return await self.first(route.certain, OperationClass.READ, deadline, ask)

    async def _found(
        self,
        known: Knowledge,
        route: Route,
        operation: OperationClass,
        deadline: Deadline,
        ask: Callable[[Link, Turn], Awaitable[list[MemoryRecord]]],
    ) -> list[MemoryRecord]:
        """Give what the first has found; nothing found is no answer while the journal might know of something."""
        found = await self.first(known.on(route), operation, deadline, ask)
        if found or known.lost is None:
            return found
        await known.again(route, deadline)
        return await self.first(route.certain, operation, deadline, ask)

    async def _about(self, route: Route, user_id: str, deadline: Deadline) -> Knowledge:
        known = Knowledge(self._account, user_id)
        await known.begin(route, deadline)
        return known

    async def first(
        self,
        route: Route,
        operation: OperationClass,
        deadline: Deadline,
        ask: Callable[..., Awaitable[Answer]],
    ) -> Answer:
        """Give the answer of the first provider that has one; a `Rejected` is an answer.

        Where nobody has, those are asked again who were given up for the sake of the others, and those who were not
        asked at all because of their breakers.

        Raises:
            Unavailable: nobody answers.
        """
        readers = route.readers
        if not readers:
            raise NobodyComplete("no provider in the order has received everything")
        failures: list[Unavailable] = []
        given_up: list[Link] = []
        again: list[Link] = []
        for place, link in enumerate(readers):
            following = readers[place + 1 :]
            turn = _turn(deadline, operation, following)
            try:
                answer = await ask(link, turn)
            except Unavailable as error:
                failures.append(error)
                if turn.others and isinstance(error, TimedOut):
                    given_up.append(link)
                if link in given_up or isinstance(error, BreakerOpen):
                    again.append(link)
                if following:
                    self._account.fell_back(link.name, following[0].name, operation, error.outcome)
                continue
            except Rejected:
                self._answered(link, readers[0], failures)
                raise
            self._answered(link, readers[0], failures)
            return answer
        again.sort(key=lambda link: link in given_up)  # those with the rest of the time last, in their order
        return await self._first_of_last(again, readers[0], operation, deadline, ask, failures)

    async def _first_of_last(
        self,
        again: list[Link],
        first: Link,
        operation: OperationClass,
        deadline: Deadline,
        ask: Callable[[Link, Turn], Awaitable[Answer]],
        failures: list[Unavailable],
    ) -> Answer:
        while again and not deadline.expired:
            link, *again = again
            turn = Turn(_keeping(deadline, operation, again), others=bool(again), last_resort=True)
            try:
                answer = await ask(link, turn)
            except Unavailable as error:
                failures.append(error)
                continue
            except Rejected:
                self._answered_last(link, first, failures)
                raise
            self._answered_last(link, first, failures)
            return answer
        raise _most_telling(failures)

    def _answered(self, link: Link, first: Link, failures: Sequence[Unavailable]) -> None:
        if failures:
            self._account.degrade(f"home_{failures[0].outcome}")
            self._account.read_by(link.name, first.name, failures[0].outcome)
        else:
            self._account.read_by(link.name)

    def _answered_last(self, link: Link, first: Link, failures: Sequence[Unavailable]) -> None:
        self._account.degrade("last_resort")
        self._account.read_by(link.name, first.name, failures[0].outcome)


def _turn(deadline: Deadline, operation: OperationClass, following: Sequence[Link]) -> Turn:
    """Leave those who come next the time that they need; whom nobody may ask is nobody to be hurried for."""
    others = any(not link.attempts.guards.breaker.refuses() for link in following)
    return Turn(_keeping(deadline, operation, following), others=others)


def _keeping(deadline: Deadline, operation: OperationClass, following: Sequence[Link]) -> Deadline:
    needs = sum(link.attempts.usual.need(operation) for link in following)
    return deadline.keeping(needs) if following else deadline


def _from_journal(entry: JournalEntry) -> MemoryRecord:
    request = notes.current.get()
    if request is not None:
        request.provider = JOURNAL
    if entry.state.deleted:
        raise MemoryNotFound(entry.state.id)
    return record_of(entry.state)


def _most_telling(failures: Sequence[Unavailable]) -> Unavailable:
    """Choose home's own failure, unless we did not even ask it; with the time until the first of all answers again."""
    asked = [error for error in failures if not isinstance(error, Refused)]
    telling = asked[0] if asked else failures[0]
    if telling.retry_after is not None:
        telling.retry_after = min(ASK_AGAIN if error.retry_after is None else error.retry_after for error in failures)
    return telling
