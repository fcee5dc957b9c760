"""Reads of an owner's memories in their order, by searches that show all that was acknowledged."""

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any

from msgspec import Struct

from providers.expiry import has_expired
from providers.keyed.places import place_at
from providers.keyed.reader import LISTED_AT_ONCE, Reader, wanted_at_first
from providers.keyed.vectors import EmbeddedState
from providers.opensearch.documents import end_of, route_of
from providers.opensearch.index import Index
from providers.opensearch.vectors import EMBEDDED_SOURCE, MODEL, IndexVectors
from providers.owners import Owner
from providers.search.entries import Vector
from providers.states.codec import decode
from providers.text.analyzer import question_words
from providers.text.languages import STOP_WORDS
from providers.timing.turns import Turns, in_turns
from providers.types import PageQuery, Snapshot

# Memories that a question finds by their words, and as many by its vector, of an owner for whom there is no index.
MOST_MATCHING = 1_000
_MOST_WORDS = 1_000  # terms that are looked up; servers take 1,024 by default
_GREATEST = "~"  # behind every place and end that begins alike

_PLACED: dict[str, Any] = {"exists": {"field": "place"}}

_LIVING: dict[str, Any] = {"bool": {"filter": [_PLACED, {"exists": {"field": "id"}}]}}

Hit = Mapping[str, Any]


class ChangedState(Struct, frozen=True):
    """A state, and the position of its last change."""

    position: int
    state: Snapshot


class OpenSearchReader(Reader):
    """List by searches, whose pages begin behind a key that is unique and stays: none needs what another one saw."""

    def __init__(self, index: Index, *, refreshes: bool, vectors: IndexVectors | None = None) -> None:
        self._index, self._refreshes = index, refreshes
        self._vectors = vectors or IndexVectors(None)

    async def refresh(self) -> None:
        """Have searches show all that was written before."""
        await self._index.refresh()

    async def everything(self, owner: Owner) -> AsyncIterator[EmbeddedState]:
        """Yield all memories of an owner that live, with their vectors, whatever searches may miss otherwise."""
        await self.refresh()
        async for hit in self._listed(PageQuery(owner=owner, order="oldest", limit=LISTED_AT_ONCE), self._source):
            yield self._embedded(hit)

    async def newest(self, owner: Owner) -> AsyncIterator[EmbeddedState]:
        """Yield all memories of an owner that live, with their vectors, the newest first."""
        await self.current()
        async for hit in self._listed(PageQuery(owner=owner, limit=LISTED_AT_ONCE), self._source):
            yield self._embedded(hit)

    async def listed(self, query: PageQuery) -> AsyncIterator[Snapshot]:
        """See `Reader`."""
        await self.current()
        async for hit in self._listed(query):
            yield _state(hit)

    async def _listed(self, query: PageQuery, source: Sequence[str] = ("state",)) -> AsyncIterator[Hit]:
        bounds = {}
        if query.after is not None:
            at = place_at(query.after.created_at)
            bounds = {"gte": at} if query.order == "oldest" else {"lte": at + _GREATEST}
        placed = {"range": {"place": bounds}} if bounds else _PLACED
        order = "asc" if query.order == "oldest" else "desc"
        body = {"query": _all_of(query.owner, placed), "sort": [{"place": order}], "_source": source}
        async for hit in self._paged(body, route_of(query.owner), wanted_at_first(query)):
            yield hit

    async def count_living(self, owner: Owner, now: datetime) -> int:
        """See `Reader`."""
        await self.current()
        query = _all_of(owner, _PLACED)
        query["bool"]["must_not"] = [{"range": {"ends": {"lte": place_at(now) + _GREATEST}}}]
        return await self._index.count(query, route_of(owner))

    async def count(self, owner: Owner) -> int:
        """Count the memories of an owner, those that have expired included."""
        await self.current()
        return await self._index.count(_all_of(owner, _PLACED), route_of(owner))

    async def snapshots(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """See `Reader`."""
        await self.current()
        return await self.shown(owner, limit, after)

    async def shown(self, owner: Owner, limit: int, after: str | None) -> list[Snapshot]:
        """Return what `snapshots` does, as far as searches show it by now."""
        body = {"query": _all_of(owner, {"exists": {"field": "id"}}), "sort": [{"id": "asc"}]}
        hits = await self._index.search(_behind(body, limit, None if after is None else [after]), route_of(owner))
        return await in_turns(_state, hits)

    async def recently_changed(self, owner: Owner, limit: int) -> list[Snapshot]:
        """See `Reader`; nothing is missed, however stale searches may be."""
        await self.refresh()
        body = {"query": _all_of(owner, {"exists": {"field": "id"}}), "sort": [{"changed": "desc"}, {"id": "asc"}]}
        return await in_turns(_state, await self._index.search(_behind(body, limit, None), route_of(owner)))

    async def owners(self, limit: int, after: Owner | None) -> list[Owner]:
        """See `Reader`."""
        await self.current()
        body = {"query": {"term": {"head": True}}, "sort": [{"owner": "asc"}], "_source": False}
        hits = await self._index.search(_behind(body, limit, None if after is None else [after.key]))
        return [Owner.of_key(hit["sort"][0]) for hit in hits]

    async def expired(self, before: datetime, limit: int, after: Snapshot | None) -> list[Snapshot]:
        """See `Reader`; they come in the order in which they expired."""
        await self.current()
        ended = {"range": {"ends": {"lte": place_at(before) + _GREATEST}}}
        body = {"query": {"bool": {"filter": [ended]}}, "sort": [{"ends": "asc"}]}
        hits = await self._index.search(_behind(body, limit, None if after is None else [end_of(after)]))
        return [state for state in await in_turns(_state, hits) if has_expired(state, before)]

    async def changed(self, owner: Owner, behind: tuple[int, str], most: int, limit: int) -> list[ChangedState]:
        """Return states whose last change stands behind a position and memory, up to that of `most`, in their order."""
        await self.refresh()
        body = {
            "query": _all_of(owner, {"range": {"changed": {"gte": behind[0], "lte": most}}}),
            "sort": [{"changed": "asc"}, {"id": "asc"}],
        }
        hits = await self._index.search(_behind(body, limit, behind), route_of(owner))
        states = await in_turns(_state, hits)
        return [ChangedState(int(hit["sort"][0]), state) for hit, state in zip(hits, states, strict=True)]

    async def matching(self, owner: Owner, question: str) -> list[EmbeddedState]:
        """Return the memories that share the rarest words with a question, as far as the server can tell."""
        await self.current()
        words = question_words(question)
        terms = [*dict.fromkeys(term for word in words for term in word.terms(STOP_WORDS))][:_MOST_WORDS]
        query = _all_of(owner)
        query["bool"]["must"] = [{"match": {"words": " ".join(terms)}}]
        return await self._best(owner, query)

    async def nearest(self, owner: Owner, vector: Vector) -> list[EmbeddedState]:
        """Return the memories with a vector that are nearest to one, each of which the server has compared with it."""
        await self.current()
        among = _all_of(owner, {"term": {MODEL: self._vectors.model}})
        return await self._best(owner, self._vectors.nearest(among, vector))

    async def without_vector(self, limit: int) -> list[Snapshot]:
        """Return memories of any owners that live and have no vector, nor a text that is refused one."""
        await self.refresh()
        body = {"query": self._lacking, "sort": [{"owner": "asc"}, {"id": "asc"}]}
        return await in_turns(_state, await self._index.search(_behind(body, limit, None)))

    async def waiting(self) -> tuple[int, int]:
        """Count the memories of all owners that live and have no vector, and all that live."""
        await self.refresh()
        return await self._index.count(self._lacking), await self._index.count(_LIVING)

    async def current(self) -> None:
        """Have searches show all that was written before, unless they may be behind."""
        if self._refreshes:
            await self.refresh()

    @property
    def _lacking(self) -> Hit:
        """The query for what lives and has no vector, nor a text that is refused one."""
        return {"bool": {**_LIVING["bool"], "must_not": [{"terms": {MODEL: self._vectors.settled}}]}}

    @property
    def _source(self) -> Sequence[str]:
        """The fields of a document that an entry is made of."""
        return EMBEDDED_SOURCE if self._vectors.model else ("state",)

    def _embedded(self, hit: Hit) -> EmbeddedState:
        return EmbeddedState(_state(hit), self._vectors.in_source(hit["_source"]))

    async def _best(self, owner: Owner, query: Hit) -> list[EmbeddedState]:
        body = {"query": query, "size": MOST_MATCHING, "_source": self._source}
        return await in_turns(self._embedded, await self._index.search(body, route_of(owner)))

    async def _paged(self, body: Hit, route: str, wanted: int) -> AsyncIterator[Hit]:
        behind: Sequence[Any] | None = None
        while True:
            hits = await self._index.search(_behind(body, wanted, behind), route)
            turns = Turns()
            for hit in hits:
                yield hit
                await turns.take()
            if len(hits) < wanted:
                return
            behind, wanted = hits[-1]["sort"], LISTED_AT_ONCE


def _all_of(owner: Owner, *conditions: Hit) -> dict[str, Any]:
    return {"bool": {"filter": [{"term": {"owner": owner.key}}, *conditions]}}


def _behind(body: Hit, size: int, behind: Sequence[Any] | None) -> dict[str, Any]:
    paged = {"_source": ["state"], "size": size, "track_total_hits": False, **body}
    return paged if behind is None else {**paged, "search_after": behind}


def _state(hit: Hit) -> Snapshot:
    return decode(hit["_source"]["state"])
