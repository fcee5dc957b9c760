"""What an owner has, by the names of the copies alone: read anew when somebody has written since."""

import time
from collections import OrderedDict
from collections.abc import Callable

from msgspec import Struct

from providers.owners import Owner
from providers.pinecone.records import EDITION, HEAD, CopyName, RecordName, name_of, record_named, whole_copies
from providers.pinecone.shelf import PineconeShelf
from providers.timing.turns import Turns

MOST_NAMES = 200_000  # that a process keeps, of all owners

_Listing = dict[str, dict[str, CopyName]]  # the whole copies of memories, by their names


class Known(Struct, frozen=True):
    """What is known of one memory: the name of what counts, and the names of all copies."""

    name: CopyName
    copies: frozenset[str]


class _Kept(Struct, frozen=True):
    """A listing as of an edition, which was first seen at `since`."""

    edition: str
    since: float
    settled: bool
    listing: _Listing


class Catalog:
    """List what owners have; `staleness` is the seconds for which the index may not show what it has confirmed."""

    def __init__(self, shelf: PineconeShelf, staleness: float, now: Callable[[], float] = time.monotonic) -> None:
        self._shelf, self._staleness, self._now = shelf, staleness, now
        self._kept: OrderedDict[Owner, _Kept] = OrderedDict()
        self._names = 0

    async def known(self, owner: Owner) -> dict[str, Known]:
        """Return the memories and tombstones of an owner by ascending id."""
        with self._shelf.recent.reading():
            listing, recent = await self._listing(owner), self._shelf.recent.of(owner)
        known: dict[str, Known] = {}
        unclear: dict[str, frozenset[str]] = {}
        for memory_id in sorted({*listing, *recent}):
            copies = listing.get(memory_id, {})
            if memory_id in recent:
                name = recent[memory_id].name
                copies = {**copies, name.text: name}
            if len(copies) > 1:
                unclear[memory_id] = frozenset(copies)
            [*_, name] = copies.values()
            known[memory_id] = Known(name, frozenset(copies))
        # Which of several copies counts is a matter of what they hold.
        for memory_id, state in (await self._shelf.states(owner, [*unclear])).items():
            known[memory_id] = Known(name_of(state), unclear[memory_id])
        return known

    async def records(self, owner: Owner) -> list[RecordName]:
        """Return the names of all records that the index shows of an owner, asked anew."""
        turns, found = Turns(), []
        with self._shelf.recent.reading():
            for one in await self._shelf.index.ids(self._shelf.namespaces.of(owner)):
                name = record_named(one)
                if name is not None and not self._shelf.recent.is_removed(owner, one):
                    found.append(name)
                await turns.take()
        return found

    async def _listing(self, owner: Owner) -> _Listing:
        """Return the listing that was read last, if the edition says that it is still true.

        Whoever sees an edition may not see yet all that was written before it: a listing counts for longer only if it
        was read after everything had time to appear.
        """
        head = await self._shelf.index.get(self._shelf.namespaces.of(owner), HEAD)
        edition = "" if head is None else str(head.metadata.get(EDITION, ""))
        kept, now = self._kept.get(owner), self._now()
        same = kept is not None and edition != "" and kept.edition == edition
        if kept is not None and same and kept.settled:
            self._kept.move_to_end(owner)
            return kept.listing
        since = kept.since if kept is not None and same else now
        listing: _Listing = {}
        for name in whole_copies(await self.records(owner)).values():
            listing.setdefault(name.memory_id, {})[name.text] = name
        self._keep(owner, _Kept(edition, since, now - since >= self._staleness, listing))
        return listing

    def _keep(self, owner: Owner, kept: _Kept) -> None:
        former = self._kept.pop(owner, None)
        self._names += len(kept.listing) - (0 if former is None else len(former.listing))
        self._kept[owner] = kept
        while self._names > MOST_NAMES and len(self._kept) > 1:
            _, dropped = self._kept.popitem(last=False)
            self._names -= len(dropped.listing)
