"""The list of erased owners in an index: a document for each fence, and one that tells of every change of the list."""

from collections.abc import Sequence
from typing import Any
from uuid import uuid4

import msgspec

from providers.erasure.fences import Fence
from providers.errors import Unavailable
from providers.keyed.shelf import parts_of
from providers.opensearch.documents import STORE_ROUTE
from providers.opensearch.index import ABSENT, Index, Write
from providers.replica import MAX_SNAPSHOTS

_EDITION = f"{STORE_ROUTE}:fences"
_MOST_TRIES = 100  # to write in the place of what others have written

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(Fence).decode


class FenceDocuments:
    """Read and write fences; they are found by a search, and compared by their ids when they are written."""

    def __init__(self, index: Index) -> None:
        self._index = index

    async def put(self, fences: Sequence[Fence]) -> None:
        """Keep fences, of two for one owner the higher; then the list has another edition.

        The edition is written when all copies have the fences, so that whoever reads it finds them. It is written even
        where nothing is raised, because a call that broke off may have put the fences and no edition.

        Raises:
            Unavailable: it is unknown whether they are kept.
        """
        highest = {fence.hash: fence for fence in sorted(fences, key=lambda fence: fence.version)}
        for part in parts_of([*highest.values()]):
            await self._raise(part)
        for _ in range(_MOST_TRIES):
            [found] = await self._index.get([_EDITION], STORE_ROUTE)
            instead_of = ABSENT if found is None else found.number
            [number] = await self._index.put([Write(_EDITION, instead_of, {"state": uuid4().hex})], STORE_ROUTE)
            if number is not None:
                return
        raise _too_busy()

    async def edition(self) -> str:
        """Return a text that is another one once the list has changed, empty as long as it never has."""
        [found] = await self._index.get([_EDITION], STORE_ROUTE)
        return "" if found is None else found.text

    async def page(self, limit: int, after: str | None) -> list[Fence]:
        """Return fences by ascending hash, those whose hash is greater than `after`."""
        await self._index.refresh()
        body: dict[str, Any] = {
            "query": {"exists": {"field": "fence"}},
            "sort": [{"fence": "asc"}],
            "size": limit,
            "_source": ["state"],
            "track_total_hits": False,
        }
        hits = await self._index.search(body if after is None else {**body, "search_after": [after]}, STORE_ROUTE)
        return [_decode(hit["_source"]["state"]) for hit in hits]

    async def all(self) -> list[Fence]:
        """Return all fences by their hashes."""
        found: list[Fence] = []
        while True:
            page = await self.page(MAX_SNAPSHOTS, found[-1].hash if found else None)
            found += page
            if len(page) < MAX_SNAPSHOTS:
                return found

    async def _raise(self, fences: Sequence[Fence]) -> None:
        """Write those that are higher than those there are."""
        left = fences
        for _ in range(_MOST_TRIES):
            found = await self._index.get([_id_of(fence) for fence in left], STORE_ROUTE)
            raised = [
                Write(_id_of(fence), ABSENT if there is None else there.number, _document_of(fence))
                for fence, there in zip(left, found, strict=True)
                if there is None or _decode(there.text).version < fence.version
            ]
            numbers = await self._index.put(raised, STORE_ROUTE) if raised else []
            refused = {write.id for write, number in zip(raised, numbers, strict=True) if number is None}
            if not refused:
                return
            left = [fence for fence in left if _id_of(fence) in refused]
        raise _too_busy()


def _id_of(fence: Fence) -> str:
    return f"{STORE_ROUTE}:fence:{fence.hash}"


def _document_of(fence: Fence) -> dict[str, Any]:
    return {"fence": fence.hash, "state": _encode(fence).decode()}


def _too_busy() -> Unavailable:
    return Unavailable("others keep writing the list of erased owners", ambiguous=True)
