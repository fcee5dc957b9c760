"""Reads of mem0: of all copies of a memory the one that counts, in our order."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from msgspec.structs import replace

from providers.answers import Found
from providers.errors import Unavailable
from providers.expiry import has_expired
from providers.mem0.cache import Mem0Cache
from providers.mem0.codec import embeddable, text_of
from providers.mem0.copies import Copy, CopyStore, chosen
from providers.mem0.dialects.base import Dialect
from providers.mem0.names import deleted_of, name_of
from providers.mem0.ranking import Mem0Ranking
from providers.owners import Owner
from providers.search.paging import paged, partial_unless
from providers.types import Conditions, PageQuery, RecallQuery, Snapshot

# How many of mem0's best are ranked anew, and how many are searched for those that meet a query's conditions.
CANDIDATES = 40
MAX_CANDIDATES = 1_000
_MORE = 5


class Mem0Reader:
    """Search, list and read out; arguments are checked before they come here."""

    def __init__(self, dialect: Dialect, store: CopyStore, cache: Mem0Cache) -> None:
        self._dialect, self._store, self._cache = dialect, store, cache
        self._ranking = Mem0Ranking()

    async def find(self, query: RecallQuery) -> Found:
        """Return the best answers to a query; conditions are ours to check, so that more is asked for until enough."""
        name = name_of(query.owner)
        top_k = max(CANDIDATES, query.limit)
        while True:
            items = await self._dialect.search(name, embeddable(query.query), top_k)
            copies = self._store.copies_of(items, (name,))
            if len(items) < top_k:
                return await self._with_missed(query, copies)
            states = self._live(query, copies)
            found = await self._ranking.ranked(query, _scored(states, copies), neighbours=False)
            # More candidates could bring more answers: conditions or copies have taken some away.
            short = len(states) < query.limit or (len(found.memories) < query.limit and query.conditional)
            if not short or top_k == MAX_CANDIDATES:
                return _found(found, whole=not short)
            top_k = min(top_k * _MORE, MAX_CANDIDATES)

    async def _with_missed(self, query: RecallQuery, hits: Sequence[Copy]) -> Found:
        """Add to a short answer what the search may have missed, to be found by its words.

        Over an approximate index mem0 looks at the nearest memories of all users, and only then leaves out those of
        others: of one user among many it may find nothing at all. An answer that has all memories costs no more.
        """
        if self._cache.could_be_all(query.owner, len({copy.state.id for copy in hits})):
            live = _scored(self._live(query, hits), hits)
            return _found(await self._ranking.ranked(query, live, neighbours=True))
        copies, whole = await self._all_copies(query.owner)
        if whole:
            self._cache.set_count(query.owner, len({copy.state.id for copy in copies}))
        live = _scored(self._live(query, copies), hits)
        return _found(await self._ranking.ranked(query, live, neighbours=whole), whole=whole)

    async def page(self, query: PageQuery) -> Found:
        """List what meets the conditions; what mem0 cannot list is missing, and the answer marked `partial`."""
        copies, whole = await self._all_copies(query.owner)
        return paged(query, [state.record for state in self._live(query, copies)], whole=whole)

    async def snapshots(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """Return memories and tombstones by ascending id, from the first one greater than `after` on.

        Raises:
            Unavailable: mem0 cannot list them all; a part is not to be taken for everything.
        """
        names = (name_of(owner), deleted_of(owner))
        listings = await asyncio.gather(*(self._dialect.everything(name) for name in names))
        copies: list[Copy] = []
        for name, listing in zip(names, listings, strict=True):
            if not listing.whole:
                raise Unavailable("mem0 cannot list all memories of this user: there are too many for it")
            copies += self._store.copies_of(listing.items, (name,))
        states = sorted(_states_of(copies), key=lambda state: state.id)
        return [state for state in states if after is None or state.id > after][:limit]

    async def _all_copies(self, owner: Owner) -> tuple[list[Copy], bool]:
        """Return all that mem0 can list of an owner's memories, and whether these are all."""
        name = name_of(owner)
        listing = await self._dialect.everything(name)
        return self._store.copies_of(listing.items, (name,)), listing.whole

    def _live(self, asked: Conditions, copies: Iterable[Copy]) -> list[Snapshot]:
        return [
            state
            for state in _states_of(copies)
            if not (state.deleted or self._cache.is_stale(state) or (asked.now and has_expired(state, asked.now)))
        ]


def _found(found: Found, *, whole: bool = True) -> Found:
    return replace(found, degraded=partial_unless(whole=whole))


def _states_of(copies: Iterable[Copy]) -> list[Snapshot]:
    by_id: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for copy in copies:
        by_id[copy.state.id].append(copy.state)
    return [state for states in by_id.values() if (state := chosen(states)) is not None]


def _scored(states: Iterable[Snapshot], hits: Iterable[Copy]) -> list[tuple[Snapshot, float]]:
    """Return each state with mem0's score, which of equal texts is the same, and 0 if mem0 has not found it."""
    scores: dict[str, float] = {}
    for copy in hits:
        scores[copy.item.text] = max(copy.item.score or 0.0, scores.get(copy.item.text, 0.0))
    return [(state, scores.get(text_of(state), 0.0)) for state in states]
