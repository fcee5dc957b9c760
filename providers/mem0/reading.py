"""Reads of mem0: of all copies of a memory the one that counts, in our order."""

import asyncio
from collections import defaultdict
from collections.abc import Iterable, Sequence

from observability import notes
from providers.errors import Unavailable
from providers.mem0.codec import embeddable, text_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.item import Listing
from providers.mem0.keeper import Copy, Keeper, chosen
from providers.mem0.memo import Memo
from providers.mem0.names import deleted_of, name_of
from providers.mem0.ranking import ranked, record_of
from providers.types import MemoryRecord, Position, RecallQuery, Snapshot

# How many of mem0's best are ranked anew, and how many are looked through for those that meet a question's conditions.
CANDIDATES = 40
MAX_CANDIDATES = 1_000
_MORE = 5


class Reader:
    """Recall, list and read out; arguments are checked before they come here."""

    def __init__(self, dialect: Dialect, keeper: Keeper, memo: Memo) -> None:
        self._dialect = dialect
        self._keeper = keeper
        self._memo = memo

    async def recall(self, query: RecallQuery) -> list[MemoryRecord]:
        """Find the best answers to a question; conditions are ours to check, so that more is asked for until enough."""
        name = name_of(query.user_id)
        top_k = max(CANDIDATES, query.limit)
        while True:
            items = await self._dialect.search(name, embeddable(query.query), top_k)
            copies = self._keeper.copies_of(items, (name,))
            if len(items) < top_k:
                return ranked(query, await self._with_what_was_missed(query.user_id, copies))
            states = self._living(copies)
            records = ranked(query, _scored(states, copies))
            if not _falls_short(query, len(states), len(records)):
                return records
            if top_k == MAX_CANDIDATES:
                _degrade()
                return records
            top_k = min(top_k * _MORE, MAX_CANDIDATES)

    async def _with_what_was_missed(self, user_id: str, hits: Sequence[Copy]) -> list[tuple[Snapshot, float]]:
        """Add to a short answer what a search may have missed, to be found by its words.

        Over an approximate index mem0 looks at the nearest memories of all users, and only then leaves out those of
        others: of one user among many it may find nothing at all. An answer that is everything there is costs no more.
        """
        if self._memo.could_be_all(user_id, len({copy.state.id for copy in hits})):
            return _scored(self._living(hits), hits)
        name = name_of(user_id)
        listing = await self._dialect.everything(name)
        copies = self._keeper.copies_of(listing.items, (name,))
        states = self._living(copies)
        if listing.whole:
            self._memo.count(user_id, len({copy.state.id for copy in copies}))
        else:
            _degrade()
        return _scored(states, hits)

    async def page(self, user_id: str, limit: int, offset: int, after: Position | None) -> list[MemoryRecord]:
        """List from newest to oldest; what mem0 cannot list is missing, and the answer marked `partial`."""
        name = name_of(user_id)
        listing = await self._dialect.everything(name)
        if not listing.whole:
            _degrade()
        records = [record_of(state) for state in self._living(self._keeper.copies_of(listing.items, (name,)))]
        records.sort(key=lambda record: (record.created_at, record.id), reverse=True)
        if after is not None:
            place = (after.created_at, after.memory_id.lower())
            records = [record for record in records if (record.created_at, record.id) < place]
        return records[offset : offset + limit]

    async def snapshots(self, user_id: str, limit: int, after: str | None) -> list[Snapshot]:
        """Give memories and tombstones by ascending id, from the first one greater than `after` on.

        Raises:
            Unavailable: mem0 cannot list them all; a part is not to be taken for everything.
        """
        names = (name_of(user_id), deleted_of(user_id))
        listings = await asyncio.gather(*(self._dialect.everything(name) for name in names))
        copies: list[Copy] = []
        for name, listing in zip(names, listings, strict=True):
            _check_whole(listing)
            copies += self._keeper.copies_of(listing.items, (name,))
        states = sorted(_states_of(copies), key=lambda state: state.id)
        return [state for state in states if after is None or state.id > after][:limit]

    def _living(self, copies: Iterable[Copy]) -> list[Snapshot]:
        return [state for state in _states_of(copies) if not state.deleted and not self._memo.outlived(state)]


def _states_of(copies: Iterable[Copy]) -> list[Snapshot]:
    by_id: defaultdict[str, list[Snapshot]] = defaultdict(list)
    for copy in copies:
        by_id[copy.state.id].append(copy.state)
    return [state for states in by_id.values() if (state := chosen(states)) is not None]


def _scored(states: Iterable[Snapshot], hits: Iterable[Copy]) -> list[tuple[Snapshot, float]]:
    """Give each state mem0's score, which of equal texts is the same, and 0 if mem0 has not found it."""
    scores: dict[str, float] = {}
    for copy in hits:
        scores[copy.item.text] = max(copy.item.score or 0.0, scores.get(copy.item.text, 0.0))
    return [(state, scores.get(text_of(state), 0.0)) for state in states]


def _falls_short(query: RecallQuery, found: int, good: int) -> bool:
    """Whether more candidates could bring more answers: conditions or copies have taken some away."""
    conditions = (query.where, query.created_from, query.created_before)
    return found < query.limit or (good < query.limit and any(one is not None for one in conditions))


def _check_whole(listing: Listing) -> None:
    if not listing.whole:
        raise Unavailable("mem0 cannot list all memories of this user: there are too many for it")


def _degrade() -> None:
    request = notes.current.get()
    if request is not None:
        request.degrade(notes.PARTIAL)
