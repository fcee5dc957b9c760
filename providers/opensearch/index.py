"""Requests about documents, and what their answers must be to count: whole, in time, from every shard."""

from collections.abc import Iterator, Mapping, Sequence
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from observability.counted import counted
from providers.errors import ASK_AGAIN, TimedOut, Unavailable
from providers.opensearch.calling import Call
from providers.opensearch.failures import INDEX_IS_MISSING, failure_of, type_of
from providers.opensearch.server import Server

_encode = msgspec.json.Encoder().encode
_DONE = {HTTPStatus.OK, HTTPStatus.CREATED}
_NOT_FOUND = "not_found"  # of a document that is removed


class Number(Struct, frozen=True):
    """What the server counts a document's changes by; it writes only in the place of the one that was read."""

    sequence: int
    term: int

    @property
    def exists(self) -> bool:
        """Whether there is such a document."""
        return self.sequence >= 0


ABSENT = Number(-1, 0)


class FoundDocument(Struct, frozen=True):
    """A document as it was read, with its text; `source` has the fields that were asked for."""

    number: Number
    text: str
    source: Mapping[str, Any] = {}


class Write(Struct, frozen=True):
    """A document to be written in the place of the one with a number, which may be `ABSENT`; None removes that one."""

    id: str
    instead_of: Number
    document: Mapping[str, Any] | None


class Index:
    """Read and write the documents of an index behind an alias; `copies` of each are to have what counts as written."""

    def __init__(self, server: Server, alias: str, copies: int) -> None:
        self._server, self._alias, self._copies = server, alias, copies

    async def get(
        self, ids: Sequence[str], route: str, fields: Sequence[str] = ("state",)
    ) -> list[FoundDocument | None]:
        """Return documents by their ids as they are now, whatever a search would show."""
        body = {"docs": [{"_id": one, "routing": route} for one in ids]}
        params = {"realtime": "true", "_source_includes": ",".join(fields)}
        call = Call(method="POST", path=f"/{self._alias}/_mget", params=params, body=_encode(body))
        answer = await self._server.ask(call)
        documents: list[dict[str, Any]] = answer["docs"]
        if any(type_of(document) == INDEX_IS_MISSING for document in documents):
            self._server.forget()
        if len(documents) != len(ids) or any("error" in document for document in documents):
            raise Unavailable("the server could not read all documents", retry_after=ASK_AGAIN)
        return [_found(document) for document in documents]

    async def put(self, writes: Sequence[Write], route: str) -> list[Number | None]:
        """Write documents of one shard in their order, and return the number of each change.

        It is None where another document was there, or none that could be removed.

        Raises:
            Unavailable: it is unknown for all of them whether they were written.
        """
        lines = b"".join(_encode(part) + b"\n" for one in writes for part in _lines(one, route))
        params = {"require_alias": "true"}
        call = Call(method="POST", path=f"/{self._alias}/_bulk", params=params, body=lines, lines=True, writes=True)
        answer = await self._server.ask(call)
        results = [next(iter(item.values())) for item in answer["items"]]
        if len(results) != len(writes):
            raise Unavailable("the server has not answered each write", ambiguous=True)
        return [self._written(result) for result in results]

    async def search(self, body: Mapping[str, Any], route: str | None = None) -> list[dict[str, Any]]:
        """Return the hits of a search, from all shards or from that of an owner."""
        params = {"allow_partial_search_results": "false"} | ({"routing": route} if route else {})
        call = Call(method="POST", path=f"/{self._alias}/_search", params=params, body=_encode(body))
        answer = await self._server.ask(call)
        _check_whole(answer)
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    async def count(self, query: Mapping[str, Any], route: str | None = None) -> int:
        """Return how many documents a query finds, of one owner or of all."""
        body = _encode({"query": query})
        params = {} if route is None else {"routing": route}
        call = Call(method="POST", path=f"/{self._alias}/_count", params=params, body=body)
        answer = await self._server.ask(call)
        _check_whole(answer)
        return int(answer["count"])

    async def refresh(self) -> None:
        """Have searches show all that was written before."""
        answer = await self._server.ask(Call(method="POST", path=f"/{self._alias}/_refresh"))
        _check_whole(answer)

    def _written(self, result: Mapping[str, Any]) -> Number | None:
        status = int(result["status"])
        if status == HTTPStatus.CONFLICT or result.get("result") == _NOT_FOUND:
            return None
        if status not in _DONE:
            if type_of(result) == INDEX_IS_MISSING:
                self._server.forget()
            failure = failure_of(status, result, writes=True)
            failure.ambiguous = True  # its neighbours may have been written
            raise failure
        having = int(result.get("_shards", {}).get("successful", 1))
        if having < self._copies:
            raise Unavailable(
                f"{counted(having, 'copy has', 'copies have')} the write, {self._copies} must", ambiguous=True
            )
        return Number(int(result["_seq_no"]), int(result["_primary_term"]))


def _lines(one: Write, route: str) -> Iterator[Mapping[str, Any]]:
    yield _action(one, route)
    if one.document is not None:
        yield one.document


def _action(one: Write, route: str) -> dict[str, Any]:
    if not one.instead_of.exists:
        return {"create": {"_id": one.id, "routing": route}}
    number = one.instead_of
    action = "delete" if one.document is None else "index"
    return {action: {"_id": one.id, "routing": route, "if_seq_no": number.sequence, "if_primary_term": number.term}}


def _found(document: Mapping[str, Any]) -> FoundDocument | None:
    if not document.get("found"):
        return None
    number = Number(int(document["_seq_no"]), int(document["_primary_term"]))
    return FoundDocument(number, document["_source"]["state"], document["_source"])


def _check_whole(answer: Mapping[str, Any]) -> None:
    """Check that every shard has answered, and in time.

    Raises:
        Unavailable: something may be missing.
    """
    if answer.get("timed_out"):
        raise TimedOut("the server has searched for too long, and may have left something out")
    shards = answer.get("_shards", {})
    if shards.get("failed", 0):
        raise Unavailable(f"{shards['failed']} of {shards.get('total')} shards fail", retry_after=ASK_AGAIN)
