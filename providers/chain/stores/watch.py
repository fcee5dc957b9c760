"""The watch over stores: look at each one regularly, leave marks in it, and read back what it has confirmed."""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from typing import TypeVar

import structlog
from msgspec import Struct

from providers import background
from providers.chain.link import Link
from providers.chain.observer import Unobserved
from providers.chain.stores.introductions import PROBE_SECONDS
from providers.chain.stores.judging import is_calm
from providers.chain.stores.registrar import Registrar
from providers.errors import ProviderError
from providers.introduction import Introduction
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import JournalEntry, Member, OperationKind
from providers.states.merging import rank
from providers.types import Snapshot

Result = TypeVar("Result")

LOOK_SECONDS = 1.0  # between two looks at a store to which something was delivered
IDLE_SECONDS = 3.0  # between two looks at a store to which nothing was
DOUBT_SECONDS = 0.5  # after a look that has found a contradiction
SETTLED_SECONDS = 1.0  # by when a confirmed state can be read back, beyond the staleness of its store
READ_BACK = 4  # states in one look
SEARCHED = 200  # confirmed operations since the last mark from which they are taken
FAREWELL_SECONDS = 1.0

_log = structlog.get_logger(__name__)


class StoreWatch(Struct):
    """Look at the stores of an order as one process sees them.

    A mark in every write would make one row the busiest of the store, and has cost half of its throughput; so a store
    gets the next mark with a look. What was lost since the last mark is found by reading back. `well` are the providers
    whose store has answered its last look, and lacked nothing; of `unreached` ones it has not, for the reason noted.
    """

    registrar: Registrar
    journal: Journal
    now: Callable[[], float] = time.monotonic
    choose: Callable[[Sequence[JournalEntry], int], list[JournalEntry]] = random.sample
    well: set[str] = set()
    unreached: dict[str, str] = {}
    _tasks: dict[str, asyncio.Task[None]] = {}
    _due: dict[str, float] = {}
    _marked: dict[str, int] = {}  # the newest operation that each provider had confirmed at its last mark
    _doubted: dict[str, int] = {}  # the operation that was not found by the last look
    _redelivered: dict[str, int] = {}  # the operation for which everything was delivered once more

    @property
    def tasks(self) -> list[asyncio.Task[None]]:
        """The looks that are under way."""
        return [*self._tasks.values()]

    def doubt(self, name: str) -> None:
        """Have a store looked at soon, because it has contradicted the journal."""
        self._due[name] = min(self._due.get(name, 0.0), self.now())

    def mark_anew(self, name: str) -> None:
        """Have a store get a mark soon for something that was done to it and is no operation of the journal."""
        self._marked.pop(name, None)
        self.doubt(name)

    def start_looks(self, links: Sequence[Link], members: Sequence[Member]) -> None:
        """Start the looks that are due, in the background; `members` were just read."""
        known = {member.name: member for member in members}
        for link in links:
            task = self._tasks.get(link.name)
            if (task is None or task.done()) and self.now() >= self._due.get(link.name, 0.0):
                self._due[link.name] = self.now() + LOOK_SECONDS
                self._tasks[link.name] = background.start_once(
                    self._look_safely(link, known.get(link.name)), f"look at {link.name}"
                )

    async def look(self, link: Link, known: Member | None = None) -> None:
        """Look once at a store; `known` is its member if that was just read.

        Raises:
            JournalUnavailable: the journal does not answer.
            Unavailable: the store does not answer.
        """
        name = link.name
        introduction = await self.registrar.meet(name, link.provider, known=known)
        member = next((member for member in await self.journal.members() if member.name == name), None)
        if introduction is None or member is None or not self.registrar.accepts(member):
            self.well.discard(name)
            return
        staleness = link.provider.staleness
        newest = await self.journal.confirmed(name, SEARCHED, staleness + SETTLED_SECONDS)
        lost = await self._lost(link, self._sample(newest, self._marked.get(name, 0)))
        if lost is not None:
            self.well.discard(name)
            await self._suspect(link, member, lost)
            return
        self.well.add(name)
        self._doubted.pop(name, None)
        reached = newest[0].seq if newest else 0
        if reached != self._marked.get(name) or _is_of_before(introduction, member):
            await self.registrar.leave_mark(link.provider, introduction, member)
            self._marked[name] = reached
        else:
            self._due[name] = self.now() + IDLE_SECONDS

    async def close(self, links: Sequence[Link]) -> None:
        """Note in every store whether the journal still holds what it lacks; within a time limit, all at once."""
        await asyncio.gather(*map(background.stop, self.tasks))
        await asyncio.gather(*(self._say_farewell(link) for link in links))

    async def _say_farewell(self, link: Link) -> None:
        with suppress(ProviderError, TimeoutError):
            async with asyncio.timeout(FAREWELL_SECONDS):
                backlogs = {backlog.provider: backlog for backlog in (await self.journal.status()).backlogs}
                backlog = backlogs.get(link.name)
                if backlog is None or backlog.pending or backlog.dead:
                    return
                member = next((member for member in await self.journal.members() if member.name == link.name), None)
                introduction = await link.provider.introduce()
                if member is None or not self.registrar.accepts(member) or _is_of_before(introduction, member):
                    return
                # A mark would hide what has become of the store since the last look.
                if is_calm(member, introduction, self.journal.id):
                    await self.registrar.leave_mark(link.provider, introduction, member, pending=False)

    async def _look_safely(self, link: Link, known: Member | None) -> None:
        try:
            await self.look(link, known)
            self.unreached.pop(link.name, None)
        except JournalUnavailable as error:
            _log.debug("look_postponed", provider=link.name, reason=error.reason)
        except (ProviderError, TimeoutError) as error:
            self.well.discard(link.name)
            self.unreached[link.name] = str(error) or "no answer in time"
            _log.debug("look_failed", provider=link.name, reason=str(error))

    def _sample(self, newest: Sequence[JournalEntry], marked: int) -> Sequence[JournalEntry]:
        """Return operations to be read back: the newest, the oldest since the last mark, and some between them.

        A store that was put back to a moment after its last mark may have taken other writes since.
        """
        since = [entry for entry in newest if entry.seq > marked]
        between = self.choose(since[1:-1], min(READ_BACK - 2, max(len(since) - 2, 0)))
        return [*newest[:1], *between, *since[1:][-1:]]

    async def _lost(self, link: Link, read: Sequence[JournalEntry]) -> JournalEntry | None:
        """Return an operation that a store has confirmed and does not show, None if it shows all that was read back.

        What was erased it need not show. Where others delete memories past us, a missing one proves nothing unless all
        that was read back is missing.
        """
        held = [await _in_time(link.provider.snapshot(entry.state.owner, entry.state.id)) for entry in read]
        lost = [
            entry
            for entry, state in zip(read, held, strict=True)
            if contradicts(entry, state) and not link.has_erased(entry.state)
        ]
        if link.provider.changed_elsewhere and not 1 < len(lost) == len(read):
            return None
        return lost[0] if lost else None

    async def _suspect(self, link: Link, member: Member, entry: JournalEntry) -> None:
        """Deliver everything once more if two looks have missed the same operation that still counts as confirmed."""
        name = link.name
        self._due[name] = self.now() + DOUBT_SECONDS
        known = await self.journal.newest(entry.state.owner, entry.state.id)
        if known is None or known.seq != entry.seq or name in known.pending:
            return
        if self._doubted.get(name) != entry.seq:
            self._doubted[name] = entry.seq
        elif self._redelivered.get(name) != entry.seq:
            self._redelivered[name] = entry.seq
            await self.registrar.redeliver(member, "it does not have what it confirmed last")


class Doubts(Unobserved):
    """Have every store looked at that contradicts the journal in an answer, and marked that was purged of a user."""

    def __init__(self, watch: StoreWatch) -> None:
        self._watch = watch

    def contradicted(self, provider: str) -> None:
        """See `ChainObserver`."""
        self._watch.doubt(provider)

    def purged(self, provider: str, count: int) -> None:
        """See `ChainObserver`."""
        if count:
            self._watch.mark_anew(provider)


def contradicts(entry: JournalEntry, held: Snapshot | None) -> bool:
    """Return whether a store that has confirmed an operation cannot hold this."""
    if entry.state.deleted:
        return held is not None and not held.deleted
    if held is None:
        return True
    # The version of a first write may be another one: it may have been repeated while no provider could be asked.
    return entry.kind is OperationKind.UPDATE and not held.deleted and rank(held) < rank(entry.state)


def _is_of_before(introduction: Introduction, member: Member) -> bool:
    """Return whether a store has no mark of its member's epoch yet."""
    return introduction.mark is None or introduction.mark.epoch < member.epoch


async def _in_time(answer: Awaitable[Result]) -> Result:
    async with asyncio.timeout(PROBE_SECONDS):
        return await answer
