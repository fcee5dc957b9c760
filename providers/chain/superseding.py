"""Deletions of memories whose keys name others, where the write that names another one could not look for them."""

from collections.abc import Awaitable, Callable, Iterable, Sequence

from msgspec.structs import replace

from providers.answers import Found
from providers.batches import answer_all
from providers.chain.deadline import CallOptions
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import Rejected
from providers.expiry import BEGINNING
from providers.journal.operations import JournalEntry, Operation, OperationKind
from providers.keys.choosing import NO_RANK, Rank, chosen, rank_of
from providers.keys.looking import MAX_OF_KEY
from providers.owners import Owner
from providers.states.editing import tombstone_for
from providers.types import MemoryRecord, PageQuery, Snapshot

Newest = Callable[[Owner, str], Awaitable[JournalEntry | None]]  # what the journal knows of a memory

_AT_ONCE = 4


async def superseded_by(
    link: Link, newest: Newest, states: Iterable[Snapshot], operation: OperationClass, options: CallOptions
) -> list[Operation]:
    """Return the deletions of what memories that a provider has just taken supersede there by their keys.

    Until these are in the journal the deliveries must not be settled, for as long as they are pending the overlay hides
    what is superseded.

    Raises:
        JournalUnavailable: the journal does not answer.
        Unavailable: the provider does not answer.
    """
    keys = {(state.owner, state.key) for state in states if state.key is not None and not state.deleted}

    async def look(named: tuple[Owner, str | None]) -> list[Operation]:
        owner, key = named
        query = PageQuery(owner=owner, key=key, limit=MAX_OF_KEY, now=BEGINNING)
        page = await link.call(lambda provider: provider.page(query), operation, options, owner=owner)
        return [
            Operation(kind=OperationKind.DELETE, state=tombstone_for(memory, memory.version))
            for memory in chosen(await _still_keyed(page.memories, newest), BEGINNING).superseded
        ]

    found = await answer_all(list(keys), look, _AT_ONCE, values=Rejected)
    return [deletion for one in found if isinstance(one, list) for deletion in one]


async def _still_keyed(memories: Sequence[MemoryRecord], newest: Newest) -> list[MemoryRecord]:
    """Drop memories of a key that are deleted or renamed already, which their provider has yet to be told.

    They supersede nothing, and nothing supersedes them. What the provider has answered is older than what the journal
    is asked then, which keeps a deletion until the provider has it.
    """
    if len(memories) < 2:  # noqa: PLR2004 - of one alone nothing is superseded
        return list(memories)
    entries = await answer_all(memories, lambda memory: newest(memory.owner, memory.id), _AT_ONCE, values=Rejected)
    known = zip(memories, entries, strict=True)
    return [one for one, entry in known if not isinstance(entry, JournalEntry) or entry.state.key == one.key]


def one_of_each_key(found: Found) -> Found:
    """Drop memories whose keys name others of the same answer: two were put at once, and one is about to be deleted.

    A page that has fewer memories then is not the last one for that.
    """
    current: dict[str, Rank] = {}
    for memory in found.memories:
        if memory.key is not None:
            current[memory.key] = max(current.get(memory.key, NO_RANK), rank_of(memory))
    kept = [one for one in found.memories if one.key is None or current[one.key] == rank_of(one)]
    return found if len(kept) == len(found.memories) else replace(found, memories=kept, cut=True)


def is_unlooked(state: Snapshot) -> bool:
    """Return whether a memory was put under its key without a look for others; see `unlooked_version`."""
    return state.key is not None and state.first_version > state.version
