"""Erasing an owner from an index, and the list of erased owners in the namespace of the store."""

import secrets
import time
from collections.abc import Callable, Collection, Sequence

import msgspec

from providers.erasure.fences import Fence, FenceList
from providers.keyed.erasing import Erasing
from providers.owners import Owner
from providers.pinecone.catalog import Catalog
from providers.pinecone.index import VectorRecord
from providers.pinecone.records import EDITION, HEAD, TEXT, RecordName, record_named, records_of
from providers.pinecone.shelf import PineconeShelf

_FENCE = "f"  # in the metadata of the records of fences
_LIST = "fences"  # the record that is another one whenever the list was changed
_EDITION_BYTES = 12
_REMAINS = (
    "Pinecone's own storage: removed records until it has written them anew, of which it says no time",
    "backups and collections of the index: until they are deleted",
)

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fence).decode


class PineconeErasing(Erasing):
    """Remove every record of an owner; the empty namespace stays, for somebody may be writing to it."""

    def __init__(
        self, shelf: PineconeShelf, catalog: Catalog, staleness: float, now: Callable[[], float] = time.monotonic
    ) -> None:
        super().__init__(now)
        self._shelf, self._catalog, self._staleness = shelf, catalog, staleness
        self._index, self._store = shelf.index, shelf.namespaces.store
        self._lately: list[tuple[float, Fence]] = []  # that this process has put, and until when they may not be shown
        self._times = 0  # that it has put some
        self._seen = ("", now())  # the edition that is shown, and since when

    async def purge(self, owner: Owner, version: int, limit: int) -> int:
        """See `Erasing`; copies that are not whole go as well."""
        async with self._shelf.lock(owner):
            with self._shelf.recent.reading():
                records = await self._catalog.records(owner)
                records += self._not_shown(owner, version, {name.id for name in records})
            kept = {name.copy.memory_id for name in records if name.copy.version > version}
            ids = [*dict.fromkeys(name.copy.memory_id for name in records if name.copy.version <= version)]
            chosen = {*ids[:limit]}
            gone = [name.id for name in records if name.copy.version <= version and name.copy.memory_id in chosen]
            if gone:
                await self._shelf.remove(owner, gone)
                self._shelf.recent.forget(owner, chosen - kept)
            if len(gone) < len(records):
                await self._shelf.put(owner, [], [])
            else:
                await self._shelf.remove(owner, [HEAD])
            return len(chosen - kept)

    def _not_shown(self, owner: Owner, version: int, shown: Collection[str]) -> list[RecordName]:
        """Return the records up to a version that this process has written lately, and that the index does not show."""
        recent = [one for one in self._shelf.recent.of(owner).values() if one.name.version <= version]
        names = (record_named(record.id) for one in recent for record in records_of(one.state))
        return [name for name in names if name is not None and name.id not in shown]

    async def keep(self, fences: Sequence[Fence]) -> None:
        """See `Erasing`; a fence is a record of its own, so that nobody overwrites that of another."""
        written = [VectorRecord(_id_of(one), {_FENCE: one.hash, TEXT: _encode(one).decode()}) for one in fences]
        edition = VectorRecord(_LIST, {EDITION: secrets.token_hex(_EDITION_BYTES)})
        await self._index.put(self._store, [*written, edition])
        until = self._now() + self._staleness
        self._lately += [(until, fence) for fence in fences]
        self._times += 1

    async def kept(self) -> list[Fence]:
        """See `Erasing`."""
        self._lately = [one for one in self._lately if one[0] > self._now()]
        found = FenceList()
        found.add(fence for _, fence in self._lately)
        for record in await self._index.find(self._store, {_FENCE: {"$exists": True}}):
            found.add([_decode(record.metadata[TEXT])])
        return found.all()

    async def edition(self) -> str:
        """See `Erasing`; it is another one also when all that was put before it had time to be shown."""
        found, now = await self._index.get(self._store, _LIST), self._now()
        shown = "" if found is None else str(found.metadata.get(EDITION, ""))
        if shown != self._seen[0]:
            self._seen = (shown, now)
        settled = now - self._seen[1] >= self._staleness
        return f"{shown} {settled} {self._times}" if shown or self._times else ""

    async def remains(self) -> tuple[str, ...]:
        """See `Erasing`; these are the words of its manual."""
        return _REMAINS


def _id_of(fence: Fence) -> str:
    return f"fence.{fence.key}.{fence.hash}.{fence.version}"
