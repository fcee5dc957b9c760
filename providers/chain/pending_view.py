"""The pending view: what the journal knows better than a provider about one owner's memories."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from observability import notes
from providers.chain.context import ChainContext
from providers.chain.deadline import Deadline
from providers.chain.errors import Refused
from providers.chain.execution import Execution
from providers.chain.observer import JournalCall
from providers.chain.overlay import Overlay
from providers.chain.route import Route
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.types import MemoryRecord, Owner

Answer = TypeVar("Answer")

# More than this is no overlay any more but a provider far behind; another one is asked.
MAX_PENDING = 2_000
# Of a user who has deleted more than this lately, every memory that a provider shows is looked up.
MAX_TOMBSTONES = 200

# Of what remains of a read, the most that it waits for the journal: a provider must still have the time to answer.
_LOOK_SHARE = 0.5


class FarBehind(Refused):
    """The provider lacks so much of a user's that another one had better answer."""

    outcome = "far_behind"


class PendingView:
    """Look up in the journal what concerns one read; `lost` is why the journal did not answer."""

    def __init__(self, context: ChainContext, owner: Owner, execution: Execution) -> None:
        self.lost: JournalUnavailable | None = None
        self._context = context
        self.owner = owner
        self._execution = execution
        self._entries: dict[str, Sequence[JournalEntry]] = {}
        self._patient = False

    @property
    def route(self) -> Route:
        """The route to be taken: a provider that is in sync by a guess alone may answer while the journal is lost."""
        route = self._execution.route
        return route if self.lost is not None else route.certain

    async def begin(self) -> None:
        """Ask about the provider that will be asked first.

        Raises:
            JournalUnavailable: it is lost, and the caller wants to find what it has written.
        """
        route = self._execution.route
        readers = route.certain.readers or route.readers
        if not readers:
            return
        try:
            await self._look(readers[0].name, self._execution.deadline)
        except JournalUnavailable as error:
            self._lose(error)

    async def entry(self, memory_id: str) -> JournalEntry | None:
        """Return what the journal knows of one memory, None also if it is lost.

        Raises:
            JournalUnavailable: as above.
        """
        try:
            return await self._newest(memory_id)
        except JournalUnavailable as error:
            self._lose(error)
            return None

    async def again(self) -> None:
        """Ask once more after the journal was lost, with all the time that can be spared.

        Raises:
            JournalUnavailable: it still is.
        """
        readers = self._execution.route.certain.readers
        if not readers and self.lost is not None:
            raise self.lost
        self._patient = True
        await self._look(readers[0].name, self._execution.deadline)
        self._find()

    async def entry_again(self, memory_id: str) -> JournalEntry | None:
        """Ask once more about one memory; see `again`."""
        self._patient = True
        entry = await self._newest(memory_id)
        self._find()
        return entry

    async def _newest(self, memory_id: str) -> JournalEntry | None:
        return await self._ask(lambda journal: journal.newest(self.owner, memory_id), self._execution.deadline)

    async def over(self, provider: str, deadline: Deadline) -> Overlay:
        """Return what is to be laid over a provider's answer.

        Raises:
            FarBehind: it is too much.
            JournalUnavailable: it was lost after it had begun to answer.
        """
        if self.lost is not None:
            return Overlay(())
        if provider not in self._entries:
            await self._look(provider, deadline)
        entries = self._entries[provider]
        if sum(provider in entry.pending for entry in entries) > MAX_PENDING:
            raise FarBehind(f"{provider}: more than {MAX_PENDING} operations of this user are pending")
        return Overlay(entries)

    async def living(self, provider: str, records: Sequence[MemoryRecord], deadline: Deadline) -> list[MemoryRecord]:
        """Leave out what is deleted but has no place in the overlay of this provider, where there are many of those.

        Raises:
            JournalUnavailable: as above.
        """
        tombstones = sum(provider not in entry.pending for entry in self._entries.get(provider, ()))
        if tombstones <= MAX_TOMBSTONES or not records:
            return list(records)
        shown = [record.id for record in records]
        deleted = await self._ask(lambda journal: journal.deleted(self.owner, shown), deadline)
        return [record for record in records if record.id not in deleted]

    async def _look(self, provider: str, deadline: Deadline) -> None:
        self._entries[provider] = await self._ask(
            # One more of each than there may be, which tells that there are too many.
            lambda journal: journal.entries(self.owner, provider, MAX_PENDING + 1, MAX_TOMBSTONES + 1),
            deadline,
        )

    async def _ask(self, ask: Callable[[Journal], Awaitable[Answer]], deadline: Deadline) -> Answer:
        request = notes.current.get()
        seconds = _LOOK_SHARE * deadline.remaining()
        if not self._patient and (request is None or request.session is None):
            # Without the journal the answer is perhaps not the latest; a caller who wants just that waits longer.
            seconds = min(seconds, self._context.need(JournalCall.LOOK))
        return await self._context.journal(ask, seconds)

    def _lose(self, error: JournalUnavailable) -> None:
        request = notes.current.get()
        if request is not None and request.session is not None:
            raise error  # the caller has written something, and wants to find it
        self._execution.degrade(error.outcome)
        self._execution.eventual = True
        self.lost = error

    def _find(self) -> None:
        """Take back what was said of the answer when the journal was lost."""
        if self.lost is not None:
            self._execution.eventual = False
            self._execution.degraded.remove(self.lost.outcome)
        self.lost = None
