"""The documents of superseded versions: put once each, and never written again.

They stand in the shard of their owner, beside its other documents, under an owner of their own, so that no search for
memories finds them. Their places order them by memory and version.
"""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from providers.histories import VersionPlace
from providers.keyed.shelf import parts_of
from providers.opensearch.documents import route_of, version_id
from providers.opensearch.index import ABSENT, Index, Write
from providers.owners import Owner
from providers.states.codec import decode, encode
from providers.timing.turns import in_turns
from providers.types import Snapshot

HISTORY_MARK = "\x1e"  # begins the owner of a version; no key of an owner begins with it
_VERSION_DIGITS = 19  # of 64 bits with a sign
_AT_ONCE = 1_000  # places that one search returns
_GREATEST = "~"  # behind every place that begins alike


class VersionDocuments:
    """Put, find and remove versions, without asking whether they belong to a history."""

    def __init__(self, index: Index) -> None:
        self._index = index

    async def put(self, owner: Owner, versions: Sequence[Snapshot]) -> list[VersionPlace]:
        """Put versions, and return the places of those that were not there."""
        new: list[VersionPlace] = []
        for part in parts_of(versions):
            documents = await in_turns(_document_of, part)
            writes = [
                Write(version_id(owner, one.id, one.version), ABSENT, document)
                for one, document in zip(part, documents, strict=True)
            ]
            numbers = await self._index.put(writes, route_of(owner))
            new += [(one.id, one.version) for one, at in zip(part, numbers, strict=True) if at is not None]
        return new

    async def places(
        self, owner: Owner, after: VersionPlace | None = None, *, of: Sequence[str] = ()
    ) -> list[VersionPlace]:
        """Return some places behind one, as searches show them, of all memories or of 100; none behind the last."""
        filters: list[Mapping[str, Any]] = [{"term": {"owner": _history_of(owner)}}]
        if after is not None:
            filters.append({"range": {"place": {"gt": _place_at(*after)}}})
        if of:
            ranges = [{"range": {"place": {"gte": f"{one}:", "lte": f"{one}:{_GREATEST}"}}} for one in of]
            filters.append({"bool": {"should": ranges, "minimum_should_match": 1}})
        body = {"query": {"bool": {"filter": filters}}, "sort": [{"place": "asc"}], "_source": False, "size": _AT_ONCE}
        hits = await self._index.search(body | {"track_total_hits": False}, route_of(owner))
        return [_place_in(hit["sort"][0]) for hit in hits]

    async def all_of(self, owner: Owner, *memory_ids: str) -> list[VersionPlace]:
        """Return the places of all versions of up to 100 memories, in order."""
        found: list[VersionPlace] = []
        while some := await self.places(owner, found[-1] if found else None, of=memory_ids):
            found += some
        return found

    async def at(self, owner: Owner, places: Iterable[VersionPlace]) -> list[Snapshot]:
        """Return the versions at places, as they are now; those that are gone are left out."""
        texts: list[str] = []
        for part in parts_of([version_id(owner, *place) for place in places]):
            texts += [one.text for one in await self._index.get(part, route_of(owner)) if one is not None]
        return await in_turns(decode, texts)

    async def drop(self, owner: Owner, places: Iterable[VersionPlace]) -> int:
        """Remove the versions at places, and return how many there were."""
        count = 0
        for part in parts_of([version_id(owner, *place) for place in places]):
            found = await self._index.get(part, route_of(owner))
            writes = [Write(one, there.number, None) for one, there in zip(part, found, strict=True) if there]
            if writes:
                count += sum(number is not None for number in await self._index.put(writes, route_of(owner)))
        return count

    async def bury(self, owner: Owner, memory_ids: Sequence[str]) -> None:
        """Remove all versions of memories, those that no search shows yet included."""
        if memory_ids:
            await self._index.refresh()
        for part in parts_of(memory_ids):
            await self.drop(owner, await self.all_of(owner, *part))


def _history_of(owner: Owner) -> str:
    return f"{HISTORY_MARK}{owner.key}"


def _place_at(memory_id: str, version: int) -> str:
    return f"{memory_id}:{version:0{_VERSION_DIGITS}d}"


def _place_in(text: str) -> VersionPlace:
    memory_id, _, version = text.partition(":")
    return memory_id, int(version)


def _document_of(state: Snapshot) -> dict[str, Any]:
    return {"owner": _history_of(state.owner), "place": _place_at(state.id, state.version), "state": encode(state)}
