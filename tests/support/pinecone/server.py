"""A Pinecone that behaves: one index, with its limits, its delays and its errors, judged by its own description."""

import base64
import json
import time
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from tests.support.fickle_http import FickleHttp, Received, response_of
from tests.support.pinecone.contract import ContractBroken, PineconeContract
from tests.support.pinecone.records import LateRecords, matches

MAX_METADATA_BYTES = 40 * 1024
MAX_UPSERT_BYTES = 2 * 1024 * 1024
MAX_RECORDS = 1_000
MAX_ID_CHARS = 512
MAX_PAGE = 100
MAX_FILTER_VALUES = 10_000
KEY = "pc-key"

_INVALID, _NOT_FOUND, _EXHAUSTED, _UNAUTHENTICATED = 3, 5, 8, 16
_JSON = {"content-type": "application/json"}

Answered = tuple[int, dict[str, Any]]


class Refused(Exception):
    """An error that the index answers with."""

    def __init__(self, status: int, code: int, message: str) -> None:
        super().__init__(message)
        self.status, self.code = status, code


class FakePinecone(FickleHttp):
    """Answer as an index whose reads are up to `delay` seconds behind; it takes `most` requests in a second."""

    def __init__(
        self, *, delay: float = 0.0, dimension: int = 2, sparse: bool = False, most: int | None = None
    ) -> None:
        super().__init__("http://localhost")  # there is nobody behind it
        self.records, self.contract = LateRecords(delay), PineconeContract()
        self.dimension, self.sparse, self.most = dimension, sparse, most
        self.throttled = 0
        self._lately: deque[float] = deque()
        self._operations: dict[str, Callable[[dict[str, Any]], dict[str, Any]]] = {
            "POST /describe_index_stats": self._describe,
            "POST /vectors/upsert": self._upsert,
            "POST /vectors/delete": self._delete,
            "GET /vectors/fetch": self._fetch,
            "POST /vectors/fetch_by_metadata": self._fetch_by_metadata,
            "GET /vectors/list": self._list,
            "GET /namespaces": self._namespaces,
        }

    async def _act(self, received: Received) -> bytes:
        path, _, query = received.path.partition("?")
        method, headers = received.method, {**_JSON, "date": _date()}
        try:
            self._admit(received)
            given = self.contract.parameters(method, path, query, received.headers)
            if method == "POST":
                given = json.loads(received.body)
                self.contract.body(method, path, given)
            status, body = 200, self._operations[f"{method} {path}"](given)
        except Refused as refused:
            status, body = refused.status, {"code": refused.code, "message": str(refused), "details": []}
            if status == 429:
                headers["retry-after"] = "1"
        except ContractBroken as broken:  # which the tests look at
            status, body = 400, {"code": _INVALID, "message": str(broken), "details": []}
        else:
            self.contract.answer(method, path, status, body)
        self.acted.append(received)
        return response_of(status, headers, json.dumps(body).encode())

    def _admit(self, received: Received) -> None:
        if len(received.body) > MAX_UPSERT_BYTES:
            raise Refused(400, _INVALID, f"the request is larger than {MAX_UPSERT_BYTES} bytes")
        if received.headers.get("api-key") != KEY:
            raise Refused(401, _UNAUTHENTICATED, "Unauthorized")
        now = time.monotonic()
        while self._lately and self._lately[0] <= now - 1:
            self._lately.popleft()
        if self.most is not None and len(self._lately) >= self.most:
            self.throttled += 1
            raise Refused(429, _EXHAUSTED, "too many requests in this second")
        self._lately.append(now)

    def _describe(self, _given: dict[str, Any]) -> dict[str, Any]:
        counts = dict(self.records.namespaces())
        shape = {"vectorType": "sparse"} if self.sparse else {"vectorType": "dense", "dimension": self.dimension}
        return {
            **shape,
            "namespaces": {name: {"vectorCount": count} for name, count in counts.items()},
            "indexFullness": 0.0,
            "totalVectorCount": sum(counts.values()),
            "metric": "dotproduct" if self.sparse else "cosine",
        }

    def _upsert(self, given: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= len(given["vectors"]) <= MAX_RECORDS:
            raise Refused(400, _INVALID, f"expected up to {MAX_RECORDS} records")
        for record in given["vectors"]:
            self._check(record)
        self.records.put(given.get("namespace", ""), given["vectors"])
        return {"upsertedCount": len(given["vectors"])}

    def _check(self, record: dict[str, Any]) -> None:
        if not record["id"].isascii() or not 1 <= len(record["id"]) <= MAX_ID_CHARS:
            raise Refused(400, _INVALID, "an id is no ASCII, or too long")
        if self.sparse:
            if not record.get("sparseValues", {}).get("indices") or "values" in record:
                raise Refused(400, _INVALID, "expected sparse values alone")
        elif len(record.get("values", ())) != self.dimension or not any(record["values"]):
            raise Refused(400, _INVALID, f"expected {self.dimension} values, not all of them zero")
        metadata = record.get("metadata", {})
        for value in metadata.values():
            if not isinstance(value, (str, int, float, bool)) and not _is_list_of_texts(value):
                raise Refused(400, _INVALID, "metadata values are texts, numbers, booleans or lists of texts")
        if len(json.dumps(metadata, ensure_ascii=False).encode()) > MAX_METADATA_BYTES:
            raise Refused(400, _INVALID, f"metadata is larger than {MAX_METADATA_BYTES} bytes")

    def _delete(self, given: dict[str, Any]) -> dict[str, Any]:
        if not 1 <= len(given["ids"]) <= MAX_RECORDS:
            raise Refused(400, _INVALID, f"expected up to {MAX_RECORDS} ids")
        if not self.records.remove(given.get("namespace", ""), given["ids"]):
            raise Refused(404, _NOT_FOUND, "Namespace not found")
        return {}

    def _fetch(self, given: dict[str, Any]) -> dict[str, Any]:
        name = given.get("namespace", "")
        shown = self._shown(name)
        return {
            "vectors": {one: shown[one] for one in given["ids"] if one in shown},
            "namespace": name,
            "usage": {"readUnits": 1},
        }

    def _fetch_by_metadata(self, given: dict[str, Any]) -> dict[str, Any]:
        name, condition = given.get("namespace", ""), given["filter"]
        for wanted in condition.values():
            if len(wanted.get("$in", ())) > MAX_FILTER_VALUES:
                raise Refused(400, _INVALID, f"expected up to {MAX_FILTER_VALUES} values")
        shown = self._shown(name)
        ids = [one for one, record in shown.items() if matches(record.get("metadata", {}), condition)]
        some, pagination = _page(ids, given)
        return {
            "vectors": {one: shown[one] for one in some},
            "namespace": name,
            "usage": {"readUnits": 1},
            **pagination,
        }

    def _list(self, given: dict[str, Any]) -> dict[str, Any]:
        name, prefix = given.get("namespace", ""), given.get("prefix", "")
        some, pagination = _page([one for one in self._shown(name) if one.startswith(prefix)], given)
        return {"vectors": [{"id": one} for one in some], "namespace": name, "usage": {"readUnits": 1}, **pagination}

    def _namespaces(self, given: dict[str, Any]) -> dict[str, Any]:
        counts = {name: count for name, count in self.records.namespaces() if name.startswith(given.get("prefix", ""))}
        some, pagination = _page([*counts], given)
        listed = [{"name": name, "record_count": counts[name]} for name in some]
        return {"namespaces": listed, "total_count": len(counts), **pagination}

    def _shown(self, namespace: str) -> Mapping[str, dict[str, Any]]:
        shown = self.records.shown(namespace)
        if shown is None:
            raise Refused(404, _NOT_FOUND, f"Namespace not found: {namespace}")
        return shown


def _page(ids: list[str], given: Mapping[str, Any]) -> tuple[list[str], dict[str, Any]]:
    """Return the ids of a page, and what leads to the next one if there is one."""
    limit = given.get("limit", MAX_PAGE)
    if not 1 <= limit <= MAX_PAGE:
        raise Refused(400, _INVALID, f"expected a limit of 1 to {MAX_PAGE}")
    token = given.get("paginationToken")
    after = "" if token is None else base64.urlsafe_b64decode(token).decode()
    behind = [one for one in ids if one > after]
    if len(behind) <= limit:
        return behind, {}
    return behind[:limit], {"pagination": {"next": base64.urlsafe_b64encode(behind[limit - 1].encode()).decode()}}


def _is_list_of_texts(value: object) -> bool:
    return isinstance(value, list) and all(isinstance(one, str) for one in value)


def _date() -> str:
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime())
