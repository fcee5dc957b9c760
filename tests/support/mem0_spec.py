"""A server that speaks the HTTP dialect of SPEC-020, section 3, and what follows from it for the other operations."""

import hashlib
import hmac
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any, TypeVar
from urllib.parse import unquote

import msgspec

from tests.support.mem0_memories import Answer, JsonServer, Memories, Memory, RefusedError, Request, ranked

DEFAULT_LIMIT = 100
MAX_LIMIT = 1_000

T = TypeVar("T")


class _Message(msgspec.Struct):
    role: str
    content: str


class _Add(msgspec.Struct):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    user_id: str
    metadata: dict[str, Any] | None = None


class _Search(msgspec.Struct):
    query: str
    user_id: str
    limit: Annotated[int, msgspec.Meta(ge=1)] = 10


class _OfUser(msgspec.Struct):
    user_id: str


class _List(msgspec.Struct):
    user_id: str
    limit: Annotated[int, msgspec.Meta(ge=1, le=MAX_LIMIT)] = DEFAULT_LIMIT
    offset: Annotated[int, msgspec.Meta(ge=0)] = 0


class SpecServer(JsonServer):
    """Memories of users behind the routes of the specification.

    ===========================================================  ===================================================
    POST /v1/memories/ {messages, user_id, metadata?}            200 {"memory_id"}
    POST /v1/memories/search/ {query, user_id, limit?}           200 {"memories": [record]}, best first
    GET /v1/memories/?user_id=&limit=&offset=                    200 {"memories": [record]}, newest first
    GET /v1/memories/{id}/?user_id=                              200 record
    DELETE /v1/memories/{id}/?user_id=                           200 {"deleted": true}
    GET /health                                                  200 {"status": "ok"}, to anybody
    ===========================================================  ===================================================

    A record is {id, user_id, content, metadata, created_at, updated_at, similarity_score}, the last of them null but
    in a search. Whatever else is answered is {"detail": text}: 401 without `Authorization: Bearer KEY`, 403 without
    the user's signature, 404 for what this user does not have, 422 for what is not of this form.

    With an `hmac_secret`, `X-User-Context` names the user whom the request is about, and `X-Signature` is the hex
    HMAC-SHA256 of "user:{user_id}" (UTF-8) under the secret. A header carries ASCII alone, so the name in it is
    compared after percent-decoding (UTF-8): who sends "%" itself, or any other than ASCII, encodes it.
    """

    def __init__(
        self,
        *,
        api_key: str | None = None,
        hmac_secret: str | None = None,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self.memories = Memories(now)
        self._api_key = api_key
        self._hmac_secret = hmac_secret

    async def answer(self, request: Request) -> Answer:
        """Do what a request asks."""
        if (request.method, request.path) == ("GET", "/health"):
            return Answer(200, {"status": "ok"})
        if self._api_key is not None and request.headers.get("authorization") != f"Bearer {self._api_key}":
            raise RefusedError(Answer(401, {"detail": "Invalid API key"}))
        match request.method, request.segments:
            case "POST", ["v1", "memories", ""]:
                return self._add(request)
            case "POST", ["v1", "memories", "search", ""]:
                return self._search(request)
            case "GET", ["v1", "memories", ""]:
                return self._list(request)
            case "GET", ["v1", "memories", memory_id, ""]:
                return Answer(200, _record(self._owned(request, memory_id)))
            case "DELETE", ["v1", "memories", memory_id, ""]:
                self.memories.remove(self._owned(request, memory_id).id)
                return Answer(200, {"deleted": True})
        raise RefusedError(Answer(404, {"detail": "Not Found"}))

    def _add(self, request: Request) -> Answer:
        asked = _decoded(request, _Add)
        self._check_signature(request, asked.user_id)
        text = "\n".join(message.content for message in asked.messages)
        memory = self.memories.add({"user_id": asked.user_id}, text, asked.metadata)
        return Answer(200, {"memory_id": memory.id})

    def _search(self, request: Request) -> Answer:
        asked = _decoded(request, _Search)
        self._check_signature(request, asked.user_id)
        hits = ranked(asked.query, self._of(asked.user_id))[: asked.limit]
        return Answer(200, {"memories": [_record(memory, score) for score, memory in hits]})

    def _list(self, request: Request) -> Answer:
        asked = _decoded(request, _List)
        self._check_signature(request, asked.user_id)
        page = self._of(asked.user_id)[asked.offset : asked.offset + asked.limit]
        return Answer(200, {"memories": [_record(memory) for memory in page]})

    def _owned(self, request: Request, memory_id: str) -> Memory:
        user_id = _decoded(request, _OfUser).user_id
        self._check_signature(request, user_id)
        memory = self.memories.get(memory_id)
        if memory is None or memory.scope["user_id"] != user_id:
            raise RefusedError(Answer(404, {"detail": "Memory not found"}))
        return memory

    def _of(self, user_id: str) -> list[Memory]:
        return [memory for memory in self.memories if memory.scope["user_id"] == user_id]

    def _check_signature(self, request: Request, user_id: str) -> None:
        if self._hmac_secret is None:
            return
        expected = hmac.new(self._hmac_secret.encode(), f"user:{user_id}".encode(), hashlib.sha256).hexdigest()
        signature = request.headers.get("x-signature", "")
        if unquote(request.headers.get("x-user-context", "")) != user_id or signature != expected:
            raise RefusedError(Answer(403, {"detail": "Invalid signature"}))


def _decoded(request: Request, kind: type[T]) -> T:
    """Return what a request says, in its body or its address."""
    try:
        if request.method == "POST":
            return msgspec.json.decode(request.body, type=kind)
        return msgspec.convert(request.query, kind, strict=False)
    except msgspec.DecodeError as error:
        raise RefusedError(Answer(422, {"detail": str(error)})) from error


def _record(memory: Memory, score: float | None = None) -> dict[str, object]:
    return {
        "id": memory.id,
        "user_id": memory.scope["user_id"],
        "content": memory.text,
        "metadata": memory.metadata,
        "created_at": memory.created_at,
        "updated_at": memory.updated_at,
        "similarity_score": score,
    }
