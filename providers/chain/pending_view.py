"""The pending view: what the journal knows about one owner's memories and a provider may not know yet."""

from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from msgspec import Struct

from observability import notes
from providers.chain.context import ChainContext
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.errors import Refused
from providers.chain.execution import Execution
from providers.chain.observer import JournalCall
from providers.chain.overlay import FAR_BEHIND, Overlay
from providers.chain.route import Route
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.owners import Owner
from providers.types import MemoryRecord, Snapshot

Answer = TypeVar("Answer")

# With more pending operations than this the provider is far behind, and another one is asked.
MAX_PENDING = 2_000
# If no other one answers, so many are laid over its answer; with still more, that may lack the oldest of them.
MOST_PENDING = 5_000
# For an owner with more retained tombstones than this, each memory that a provider returns is looked up.
MAX_TOMBSTONES = 200

# The largest share of the remaining time that a read waits for the journal: a provider still needs time to answer.
_LOOK_SHARE = 0.5


class FarBehind(Refused):
    """The provider lacks so many operations of an owner that another one should answer."""

    outcome = FAR_BEHIND


class PendingView(Struct):
    """Look up in the journal what concerns one read; `journal_error` is why the journal did not answer.

    If it is to be `whole`, an answer that may lack something is none. If it has all that are `superseded`, memories are
    shown as well whose keys name others.
    """

    context: ChainContext
    owner: Owner
    execution: Execution
    journal_error: JournalUnavailable | None = None
    whole: bool = False
    superseded: bool = False
    _incomplete: bool = False
    _entries: dict[str, Sequence[JournalEntry]] = {}
    _patient: bool = False

    @property
    def route(self) -> Route:
        """The route of the read: a provider that is only presumed in sync may answer while the journal does not."""
        route = self.execution.route
        return route if self.journal_error is not None else route.verified

    async def begin(self, deadline: Deadline) -> None:
        """Look up what concerns the provider that will be asked first.

        Raises:
            JournalUnavailable: the journal does not answer, and the caller wants to find its own writes.
        """
        route = self.execution.route
        readers = route.verified.readers or route.readers
        if not readers:
            return
        try:
            await self._look(readers[0].name, deadline)
        except JournalUnavailable as error:
            self._continue_without_journal(error)

    async def begin_alone(self) -> None:
        """Look up what each provider of the order lacks, if none was looked up for because none may answer.

        What was written before one has joined is pending at the others only.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        for link in () if self._entries else self.execution.route.links:
            await self._look(link.name, self.execution.deadline)

    async def entry(self, memory_id: str) -> JournalEntry | None:
        """Return what the journal knows of one memory, None also if it does not answer.

        Raises:
            JournalUnavailable: as for `begin`.
        """
        try:
            return await self.newest(memory_id)
        except JournalUnavailable as error:
            self._continue_without_journal(error)
            return None

    async def retry(self) -> None:
        """Ask again after the journal did not answer, with all the time that can be spared.

        Raises:
            JournalUnavailable: it still does not answer.
        """
        readers = self.execution.route.verified.readers
        if not readers and self.journal_error is not None:
            raise self.journal_error
        self._patient = True
        await self._look(readers[0].name, self.execution.deadline)
        self._journal_recovered()

    async def retry_entry(self, memory_id: str) -> JournalEntry | None:
        """Ask again about one memory; see `retry`."""
        self._patient = True
        entry = await self.newest(memory_id)
        self._journal_recovered()
        return entry

    async def newest(self, memory_id: str) -> JournalEntry | None:
        """Return what the journal knows of one memory.

        Raises:
            JournalUnavailable: it does not answer.
        """
        return await self._ask(lambda journal: journal.newest(self.owner, memory_id), self.execution.deadline)

    async def superseded_versions(self, memory_id: str) -> list[Snapshot]:
        """Return the superseded versions of one memory that the journal knows.

        Raises:
            JournalUnavailable: it does not answer.
        """
        return await self._ask(lambda journal: journal.superseded(self.owner, memory_id), self.execution.deadline)

    async def overlay_for(self, provider: str, options: CallOptions) -> Overlay:
        """Return the overlay for a provider's answer.

        As a last resort it may lack the oldest operations: a user's own backlog is no reason to answer nothing. But
        who wants to find its own writes is not answered without them.

        Raises:
            FarBehind: too many operations are pending.
            JournalUnavailable: the journal stopped answering during the read.
        """
        deadline = options.deadline
        if self.journal_error is not None:
            return Overlay(())
        if provider not in self._entries:
            await self._look(provider, deadline)
        if self._pending(provider) <= MAX_PENDING:
            return Overlay(self._entries[provider], hides=not self.superseded)
        if not options.last_resort:
            raise FarBehind(f"{provider}: more than {MAX_PENDING} operations of this user are pending")
        await self._look(provider, deadline, MOST_PENDING)
        self._incomplete = self._pending(provider) > MOST_PENDING
        if self._incomplete and (self.whole or _wants_its_writes()):
            raise FarBehind(f"{provider}: more than {MOST_PENDING} operations of this user are pending")
        return Overlay(self._entries[provider], complete=not self._incomplete, hides=not self.superseded)

    def keyed(self, key: str) -> list[MemoryRecord]:
        """Return the memories of a key that the journal is known to hold for the providers asked so far."""
        entries = {entry.state.id: entry.state for known in self._entries.values() for entry in known}
        return [state.record for state in entries.values() if state.key == key and not state.deleted]

    async def without_deleted(
        self, provider: str, records: Sequence[MemoryRecord], deadline: Deadline
    ) -> list[MemoryRecord]:
        """Drop deleted memories that have no place in the overlay of this provider, because there are too many.

        Raises:
            JournalUnavailable: as for `overlay_for`.
        """
        tombstones = sum(provider not in entry.pending for entry in self._entries.get(provider, ()))
        if (tombstones <= MAX_TOMBSTONES and not self._incomplete) or not records:
            return list(records)
        shown = [record.id for record in records]
        deleted = await self._ask(lambda journal: journal.deleted(self.owner, shown), deadline)
        return [record for record in records if record.id not in deleted]

    async def tombstones(self, provider: str, limit: int, deadline: Deadline) -> frozenset[str]:
        """Return the newest of the deleted memories whose tombstones are retained, as many as `limit`.

        Raises:
            JournalUnavailable: as for `overlay_for`.
        """
        entries = await self._ask(lambda journal: journal.entries(self.owner, provider, 0, limit), deadline)
        return frozenset(entry.state.id for entry in entries)

    async def _look(self, provider: str, deadline: Deadline, most: int = MAX_PENDING) -> None:
        self._entries[provider] = await self._ask(
            # One more of each than allowed shows that there are too many.
            lambda journal: journal.entries(self.owner, provider, most + 1, MAX_TOMBSTONES + 1),
            deadline,
        )
        home = self.route.home
        if home is not None and home.name == provider:
            self.context.pacing.seen(self.owner, self._pending(provider))

    def _pending(self, provider: str) -> int:
        return sum(provider in entry.pending for entry in self._entries[provider])

    async def _ask(self, ask: Callable[[Journal], Awaitable[Answer]], deadline: Deadline) -> Answer:
        seconds = _LOOK_SHARE * deadline.remaining()
        wants_its_writes = _wants_its_writes()
        if not self._patient and not wants_its_writes:
            # Without the journal the answer may miss recent writes; a caller who must find them waits longer.
            seconds = min(seconds, self.context.need(JournalCall.LOOK))
        answer = await self.context.journal(ask, seconds)
        if wants_its_writes:
            await self.context.check_session(_LOOK_SHARE * deadline.remaining())
        return answer

    def _continue_without_journal(self, error: JournalUnavailable) -> None:
        if _wants_its_writes():
            raise error
        self.execution.degrade(error.outcome)
        self.execution.eventual = True
        self.journal_error = error

    def _journal_recovered(self) -> None:
        """Withdraw the marks that the answer got when the journal did not answer."""
        if self.journal_error is not None:
            self.execution.eventual = self.execution.route.is_restored
            self.execution.degraded.remove(self.journal_error.outcome)
        self.journal_error = None


def _wants_its_writes() -> bool:
    """Return whether the caller must find its own writes, for which it has sent a session."""
    request = notes.current.get()
    return request is not None and request.session is not None
