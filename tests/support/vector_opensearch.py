"""What OpenSearch and Elasticsearch do with vectors, in front of a server of the tests that computes no score.

Written from the servers' documents, before what asks it and without a look at that:

- OpenSearch, "k-NN vector" (`dimension`, up to 16,000), "Exact k-NN search with a scoring script" (`lang` is knn,
  `source` is knn_score, and `field`, `query_value` and `space_type` are required) and "Vector spaces" (`cosinesimil`
  scores 1 + cos, which newer versions halve), where what a filter lets through is scored one by one.
- Elasticsearch, "Dense vector field type" (`dims`, up to 4,096; `index: false` for exact search alone) and "Functions
  used in script score queries" (`cosineSimilarity(params.NAME, 'FIELD') + 1.0`: a negative score is an error, as is a
  document without the vector).
- Both refuse a vector with other dimensions than the mapping has, in a document and in a question, and take no other
  dimensions for a field that is there.
"""

import json
import math
import re
from collections.abc import Awaitable, Callable, Iterator, Mapping, Sequence
from typing import Any

from tests.support.fickle_http import FickleHttp, Received, response_of

MOST_SCORED = 10_000  # documents of one search: what the server behind gives at once
_ELASTICSEARCH = {"number": "9.1.0", "lucene_version": "10.2.2"}
_COSINE = re.compile(r"cosineSimilarity\(params\.(\w+), *'(\w+)'\) *\+ *1\.0")
_PARSING = {False: "mapper_parsing_exception", True: "document_parsing_exception"}
_JSON = {"content-type": "application/json", "x-elastic-product": "Elasticsearch"}

Document = dict[str, Any]


class Refused(Exception):
    """An error that the server answers with."""

    def __init__(self, kind: str, reason: str, status: int = 400) -> None:
        super().__init__(reason)
        self.kind, self.status = kind, status

    @property
    def body(self) -> Document:
        """What is told of it."""
        return {"type": self.kind, "reason": str(self)}


class VectorOpenSearch(FickleHttp):
    """Stand before the server at `upstream`, as one that scores vectors; `elastic` greets and behaves as Elasticsearch.

    `scored` has the number of documents that each search with a script has scored.
    """

    def __init__(self, upstream: str, *, elastic: bool = False) -> None:
        super().__init__(upstream)
        self.scored: list[int] = []
        self._elastic = elastic
        self._fields: dict[str, Document] = {}  # of vectors, by index and name, as they were mapped
        self._vectors: dict[tuple[str, str, str], list[float]] = {}  # by index, document and field

    @property
    def kind(self) -> str:
        """The type of a field of vectors."""
        return "dense_vector" if self._elastic else "knn_vector"

    async def _act(self, received: Received) -> bytes:
        path = received.path.partition("?")[0].strip("/")
        name, _, operation = path.partition("/")
        if not path and self._elastic:
            return _answer(200, {"version": _ELASTICSEARCH, "tagline": "You Know, for Search"})
        about = self._concerning(received, operation) if path else None
        try:
            return await (super()._act(received) if about is None else about(name.removesuffix("-000001"), received))
        except Refused as refused:
            return _answer(refused.status, {"error": refused.body, "status": refused.status})

    def _concerning(self, received: Received, operation: str) -> Callable[[str, Received], Awaitable[bytes]] | None:
        """Return what answers a request that may be about vectors."""
        if received.method == "PUT" and operation in {"", "_mapping"}:
            return self._map
        if received.method == "GET" and not operation:
            return self._describe
        if operation == "_bulk":
            return self._bulk
        scored = operation == "_search" and "script_score" in json.loads(received.body).get("query", {})
        return self._score if scored else None

    async def _asked(self, received: Received, body: object = None) -> tuple[int, Document]:
        """Ask the server behind, with another body."""
        if body is not None:
            received = received._replace(body=json.dumps(body).encode())
        answer = await super()._act(received)
        head, _, content = answer.partition(b"\r\n\r\n")
        return int(head.split(b" ", 2)[1]), json.loads(content)

    async def _map(self, index: str, received: Received) -> bytes:
        body = json.loads(received.body)
        mapping = body.get("mappings", body)
        properties = mapping.get("properties", {})
        fields = {name: field for name, field in properties.items() if field.get("type", "").endswith("_vector")}
        for name, field in fields.items():
            self._check_field(f"{index}/{name}", field)
            properties[name] = {"type": "knn_vector", "dimension": self._dimensions_in(field)}
        status, answer = await self._asked(received, body)
        if status == 200:
            self._fields |= {f"{index}/{name}": field for name, field in fields.items()}
        return _answer(status, answer)

    def _check_field(self, name: str, field: Document) -> None:
        most = 4_096 if self._elastic else 16_000
        if field["type"] != self.kind:
            raise Refused("mapper_parsing_exception", f"No handler for type [{field['type']}] declared on field")
        if not 1 <= self._dimensions_in(field) <= most:
            raise Refused("mapper_parsing_exception", f"dimensions must be between 1 and {most}")
        former = self._fields.get(name)
        if former is not None and self._dimensions_in(former) != self._dimensions_in(field):
            raise Refused("illegal_argument_exception", "cannot update parameter [dimension]")

    def _dimensions_in(self, field: Document) -> int:
        return int(field["dims" if self._elastic else "dimension"])

    async def _describe(self, index: str, received: Received) -> bytes:
        status, answer = await self._asked(received)
        for described in answer.values() if status == 200 else ():
            for name in described["mappings"].get("properties", {}):
                field = self._fields.get(f"{index}/{name}")
                if field is not None:
                    described["mappings"]["properties"][name] = field
        return _answer(status, answer)

    async def _bulk(self, index: str, received: Received) -> bytes:
        """Take what has vectors of the right dimensions, and answer the others where they stand."""
        passed, wrong, documents = list[bytes](), dict[int, Document](), list[tuple[str, Document | None]]()
        for place, (action, document) in enumerate(_actions(received.body)):
            [(kind, said)] = action.items()
            refused = None if document is None else self._wrong_vector(index, document)
            if refused is not None:
                wrong[place] = {kind: {"_id": said["_id"], "status": 400, "error": refused.body}}
                continue
            documents.append((said["_id"], document))
            passed += [json.dumps(part).encode() for part in (action, document) if part is not None]
        answer: Document = {"took": 0, "errors": True, "items": []}
        if passed:
            status, answer = await self._asked(received._replace(body=b"\n".join(passed) + b"\n"))
            if status != 200:
                return _answer(status, answer)
        for (document_id, document), item in zip(documents, answer["items"], strict=True):
            if next(iter(item.values()))["status"] < 300:
                self._note(index, document_id, document or {})
        for place, item in wrong.items():
            answer["items"].insert(place, item)
        return _answer(200, answer | {"errors": bool(wrong) or answer["errors"]})

    def _wrong_vector(self, index: str, document: Document) -> Refused | None:
        for name, value in document.items():
            field = self._fields.get(f"{index}/{name}")
            if field is not None and len(value) != self._dimensions_in(field):
                reason = f"Vector dimension mismatch. Expected: {self._dimensions_in(field)}, Given: {len(value)}"
                return Refused(_PARSING[self._elastic], reason)
        return None

    def _note(self, index: str, document_id: str, document: Document) -> None:
        for name in [name for name in self._fields if name.startswith(f"{index}/")]:
            field = name.removeprefix(f"{index}/")
            self._vectors.pop((index, document_id, field), None)
            if field in document:
                self._vectors[index, document_id, field] = document[field]

    async def _score(self, index: str, received: Received) -> bytes:
        body = json.loads(received.body)
        asked = body["query"]["script_score"]
        name, question = self._question_in(asked["script"])
        field = self._fields.get(f"{index}/{name}")
        if field is None:
            raise Refused("search_phase_execution_exception", f"[{name}] is no field of vectors")
        if len(question) != self._dimensions_in(field):
            raise Refused("search_phase_execution_exception", "the query vector has a different number of dimensions")
        let_through = {**body, "query": asked["query"], "size": MOST_SCORED}
        status, answer = await self._asked(received, let_through)
        if status != 200:
            return _answer(status, answer)
        hits = answer["hits"]["hits"]
        self.scored.append(len(hits))
        for hit in hits:
            vector = self._vectors.get((index, hit["_id"], name))
            if vector is None:
                raise Refused("search_phase_execution_exception", f"a document has no value for [{name}]")
            hit["_score"] = 1.0 + _cosine(question, vector)
        hits.sort(key=lambda hit: -hit["_score"])
        answer["hits"]["hits"] = hits[: body.get("size", 10)]
        return _answer(200, answer)

    def _question_in(self, script: Document) -> tuple[str, list[float]]:
        params = script["params"]
        if self._elastic:
            found = _COSINE.fullmatch(script["source"])
            if found is None or script.get("lang", "painless") != "painless":
                raise Refused("script_exception", "compile error")
            return found[2], params[found[1]]
        if (script.get("lang"), script.get("source"), params.get("space_type")) != ("knn", "knn_score", "cosinesimil"):
            raise Refused("script_exception", "compile error")
        return params["field"], params["query_value"]


def _actions(body: bytes) -> Iterator[tuple[Document, Document | None]]:
    lines = iter(body.splitlines())
    for line in lines:
        action = json.loads(line)
        yield action, None if "delete" in action else json.loads(next(lines))


def _cosine(one: Sequence[float], other: Sequence[float]) -> float:
    lengths = math.hypot(*one) * math.hypot(*other)
    if not lengths:
        raise Refused("script_exception", "a vector of zeros has no direction")
    return sum(a * b for a, b in zip(one, other, strict=True)) / lengths


def _answer(status: int, body: Mapping[str, Any]) -> bytes:
    return response_of(status, _JSON, json.dumps(body).encode())
