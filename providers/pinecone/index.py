"""Requests about the records of an index, and what their answers must be to count."""

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import datetime
from typing import Any

import msgspec
from msgspec import Struct

from providers.errors import Misconfigured, Unavailable
from providers.pinecone.calling import PineconeAnswer, PineconeClient, PineconeRequest

# Pinecone takes a thousand records and 2 MB in one request.
MAX_RECORDS = 200
MAX_REQUEST_BYTES = 1_500_000
MAX_DELETED = 500  # records in one request; Pinecone takes a thousand
_PAGE = 100  # records or ids in one answer

_encode = msgspec.json.Encoder().encode


class VectorRecord(Struct, frozen=True):
    """A record by its id: what is kept stands in its metadata."""

    id: str
    metadata: Mapping[str, str]


class IndexShape(Struct, frozen=True):
    """What an index wants of every vector: so many numbers, or a few of many if `sparse`. `records` are all it has."""

    dimension: int
    sparse: bool
    records: int

    @property
    def placeholder(self) -> dict[str, Any]:
        """A vector that says nothing; there must be one, and it must not be zero."""
        if self.sparse:
            return {"sparseValues": {"indices": [0], "values": [1.0]}}
        return {"values": [1.0] + [0.0] * (self.dimension - 1)}


class PineconeIndex:
    """Read and write the records of one index."""

    def __init__(self, client: PineconeClient) -> None:
        self._client = client
        self._shape: IndexShape | None = None

    async def describe(self) -> tuple[IndexShape, datetime | None]:
        """Return what the index says it is, asked anew, and what its clock says.

        Raises:
            Misconfigured: what answers is no index.
        """
        request = PineconeRequest(method="POST", path="/describe_index_stats", body={}, apart=True)
        answer = await self._client.send(request)
        self._shape = _shape_in(answer)
        return self._shape, answer.moment

    async def put(self, namespace: str, records: Sequence[VectorRecord]) -> None:
        """Write records, each in the place of the one with its id.

        Raises:
            Unavailable: it is unknown for all of them whether they were written.
        """
        shape = self._shape or (await self.describe())[0]
        for part in _parts_of(records, shape.placeholder):
            body = {"vectors": part, "namespace": namespace}
            request = PineconeRequest(method="POST", path="/vectors/upsert", body=body, writes=True)
            try:
                answer = await self._client.send(request)
            except Misconfigured:
                self._shape = None  # another index may be there by now
                raise
            if int(answer.body.get("upsertedCount", 0)) != len(part):
                raise Unavailable("Pinecone has not written every record", ambiguous=True)

    async def get(self, namespace: str, record_id: str) -> VectorRecord | None:
        """Return one record."""
        params = {"ids": record_id, "namespace": namespace}
        request = PineconeRequest(method="GET", path="/vectors/fetch", params=params, may_lack=True)
        found = (await self._client.send(request)).body.get("vectors") or {}
        return _record(found[record_id]) if record_id in found else None

    async def find(self, namespace: str, condition: Mapping[str, Any], most: int | None = None) -> list[VectorRecord]:
        """Return the records whose metadata meet a condition, up to `most`."""
        body: dict[str, Any] = {"namespace": namespace, "filter": condition, "limit": most or _PAGE}
        found: list[VectorRecord] = []
        while True:
            path = "/vectors/fetch_by_metadata"
            answer = await self._client.send(PineconeRequest(method="POST", path=path, body=body, may_lack=True))
            found += [_record(one) for one in (answer.body.get("vectors") or {}).values()]
            token = _next_of(answer)
            if token is None or most is not None:
                return found
            body["paginationToken"] = token

    async def ids(self, namespace: str, prefix: str = "") -> list[str]:
        """Return the ids of all records that begin so, ascending."""
        return [one async for one in self._ids(namespace, prefix, _PAGE)]

    async def first_id(self, namespace: str, prefix: str = "") -> str | None:
        """Return the least id that begins so, None if there is none."""
        async for one in self._ids(namespace, prefix, 1):
            return one
        return None

    async def remove(self, namespace: str, ids: Sequence[str]) -> None:
        """Remove records; those that are not there count as removed."""
        for begin in range(0, len(ids), MAX_DELETED):
            body = {"ids": [*ids[begin : begin + MAX_DELETED]], "namespace": namespace}
            request = PineconeRequest(method="POST", path="/vectors/delete", body=body, writes=True, may_lack=True)
            await self._client.send(request)

    async def namespaces(self, prefix: str) -> list[tuple[str, int]]:
        """Return the names of all namespaces that begin so, and how many records each has, as far as it is known."""
        params: dict[str, str | int] = {"prefix": prefix, "limit": _PAGE}
        found: list[tuple[str, int]] = []
        while True:
            answer = await self._client.send(PineconeRequest(method="GET", path="/namespaces", params=params))
            listed = answer.body.get("namespaces") or ()
            found += [(one["name"], int(one.get("record_count", 0))) for one in listed]
            token = _next_of(answer)
            if token is None:
                return [one for one in found if one[0].startswith(prefix)]
            params["paginationToken"] = token

    async def _ids(self, namespace: str, prefix: str, page: int) -> AsyncIterator[str]:
        params: dict[str, str | int] = {"namespace": namespace, "limit": page}
        if prefix:
            params["prefix"] = prefix
        while True:
            request = PineconeRequest(method="GET", path="/vectors/list", params=params, may_lack=True)
            answer = await self._client.send(request)
            for one in answer.body.get("vectors") or ():
                yield one["id"]
            token = _next_of(answer)
            if token is None:
                return
            params["paginationToken"] = token


def _shape_in(answer: PineconeAnswer) -> IndexShape:
    body = answer.body
    dimension, sparse = body.get("dimension"), body.get("vectorType") == "sparse"
    if not isinstance(body.get("namespaces"), dict) or not (sparse or isinstance(dimension, int)):
        raise Misconfigured("what answers there is no index of Pinecone: is host right?")
    return IndexShape(int(dimension or 0), sparse, int(body.get("totalVectorCount", 0)))


def _parts_of(records: Sequence[VectorRecord], placeholder: Mapping[str, Any]) -> Iterator[list[msgspec.Raw]]:
    """Yield records as they are sent, in parts that Pinecone takes at once."""
    part: list[msgspec.Raw] = []
    size = 0
    for record in records:
        encoded = _encode({"id": record.id, "metadata": record.metadata, **placeholder})
        if part and (len(part) == MAX_RECORDS or size + len(encoded) > MAX_REQUEST_BYTES):
            yield part
            part, size = [], 0
        part.append(msgspec.Raw(encoded))
        size += len(encoded)
    if part:
        yield part


def _record(found: Mapping[str, Any]) -> VectorRecord:
    return VectorRecord(found["id"], found.get("metadata") or {})


def _next_of(answer: PineconeAnswer) -> str | None:
    return (answer.body.get("pagination") or {}).get("next") or None
