"""What an index tells about itself as a store: its name, the mark of a chain, and which index it is."""

from uuid import uuid4

import msgspec

from providers.errors import Misconfigured, Unavailable
from providers.introduction import Introduction, StoreMark
from providers.opensearch.documents import STORE_ROUTE
from providers.opensearch.index import ABSENT, FoundDocument, Index, Write
from providers.opensearch.server import Server

_NAME, _MARK = f"{STORE_ROUTE}:identity", f"{STORE_ROUTE}:mark"

_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(StoreMark).decode


class StoreDocuments:
    """The two documents that say which store this is, and whose."""

    def __init__(self, server: Server, index: Index) -> None:
        self._server, self._index = server, index

    async def introduction(self) -> Introduction:
        """Return what the documents and the index tell; a store without a name gets one.

        An index that was put back from a snapshot, or copied, has another id of its own and the same name.
        """
        lineage = await self._server.index_id()
        name, mark = await self._read()
        if name is None:
            await self._index.put([Write(_NAME, ABSENT, {"state": uuid4().hex})], STORE_ROUTE)
            name, mark = await self._read()
        if name is None:
            raise Unavailable("the name of the store was lost while it was read")
        return Introduction(identity=f"opensearch:{name.text}", lineage=lineage, mark=_mark_in(mark))

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Put a mark in the place of the former one; return whether it was there."""
        _, found = await self._read()
        if _mark_in(found) != former:
            return False
        instead_of = ABSENT if found is None else found.number
        [number] = await self._index.put([Write(_MARK, instead_of, {"state": _encode(mark).decode()})], STORE_ROUTE)
        return number is not None

    async def _read(self) -> tuple[FoundDocument | None, FoundDocument | None]:
        name, mark = await self._index.get([_NAME, _MARK], STORE_ROUTE)
        return name, mark


def _mark_in(found: FoundDocument | None) -> StoreMark | None:
    try:
        return None if found is None else _decode(found.text)
    except msgspec.MsgspecError as error:
        raise Misconfigured("the mark in the index is none of ours: does another program write to it?") from error
