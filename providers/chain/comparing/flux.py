"""Memories in flux: those that deliveries of the journal are about to bring to one state."""

from collections.abc import Awaitable, Callable, Collection, Mapping

from msgspec import Struct

from providers.chain.comparing.comparison import Difference, compare
from providers.journal.base import Journal
from providers.journal.operations import JournalEntry
from providers.owners import Owner
from providers.states.merging import rank
from providers.types import Snapshot

# The name under which a deletion that the journal knows is a witness; no provider may have an empty one.
_JOURNAL = ""


def brings_in_line(entry: JournalEntry | None, wanted: Snapshot) -> bool:
    """Return whether what the journal knows is, or is above, the state that all should hold.

    A journal that was put back may know only an older state, and a deletion that a store alone remembers is delivered
    by nobody.
    """
    if entry is None or entry.state.deleted:
        return entry is not None
    return not wanted.deleted and rank(entry.state) >= rank(wanted)


class KnownMemory(Struct, frozen=True):
    """What the journal knows of a memory, and to whom which versions of it are `undelivered`."""

    entry: JournalEntry | None
    undelivered: Mapping[int, frozenset[str]]

    @classmethod
    async def ask(cls, journal: Journal, owner: Owner, memory_id: str) -> "KnownMemory":
        """Ask the journal; a write that comes between the two questions is undelivered in the answer."""
        entry = await journal.newest(owner, memory_id)
        return cls(entry, {} if entry is None else await journal.undelivered(owner, memory_id))

    def awaiting(self, wanted: Snapshot) -> frozenset[str]:
        """Return the providers that deliveries are about to bring to the state that all should hold.

        What a provider has confirmed is delivered to it no more, for however long the journal retains it.
        """
        entry = self.entry
        if entry is None or not brings_in_line(entry, wanted):
            return frozenset()
        return frozenset().union(*(to for version, to in self.undelivered.items() if version >= entry.state.version))

    def given_up(self, wanted: Snapshot) -> frozenset[str]:
        """Return the providers for which the state that all should hold is a dead letter."""
        if self.entry is None or not brings_in_line(self.entry, wanted):
            return frozenset()
        return self.entry.pending - self.awaiting(wanted)


class Lasting(Struct, frozen=True):
    """A difference that a second look has found as well, and the providers `awaiting` a delivery that ends it.

    For those `given_up` it is a dead letter.
    """

    difference: Difference
    awaiting: frozenset[str] = frozenset()
    given_up: frozenset[str] = frozenset()


async def lasting(
    journal: Journal,
    memory: tuple[Owner, str],
    look: Callable[[], Awaitable[Mapping[str, Snapshot | None]]],
    members: Collection[str],
    sources: Collection[str] = (),
) -> Lasting | None:
    """Look at one memory in all stores, and return how they differ, None if they do not.

    The journal is asked before: a store shows what it had confirmed by then, since what a store with stale reads takes
    is pending until it is shown. The journal is asked once more afterwards, for a write that came meanwhile.
    """
    before = await KnownMemory.ask(journal, *memory)
    held = dict(await look())
    if before.entry is not None and before.entry.state.deleted:
        held[_JOURNAL] = before.entry.state
    difference = compare(held, members, sources)
    if difference is None:
        return None
    after = await KnownMemory.ask(journal, *memory)
    if _seq(before) != _seq(after):
        return Lasting(difference, awaiting=frozenset(difference.faults))
    wanted = difference.wanted
    return Lasting(difference, before.awaiting(wanted) | after.awaiting(wanted), after.given_up(wanted))


def _seq(known: KnownMemory) -> int | None:
    return None if known.entry is None else known.entry.seq
