"""A server that speaks mem0's managed API, as its official client and its documentation expect it."""

import math
import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta, timezone
from typing import Annotated, Any, Literal, TypeVar
from uuid import UUID, uuid4

import msgspec

from tests.support.mem0_memories import (
    Answer,
    JsonServer,
    Memories,
    Memory,
    Predicate,
    RefusedError,
    Request,
    named,
    predicate,
    ranked,
)

ENTITIES = ("user_id", "agent_id", "app_id", "run_id")

DEFAULT_PAGE_SIZE = 100
MAX_PAGE_SIZE = 200
DEFAULT_TOP_K = 10
MAX_TOP_K = 1_000
DEFAULT_THRESHOLD = 0.1

_PACIFIC = timezone(timedelta(hours=-7))  # every moment the platform tells has its own offset

T = TypeVar("T")


class _Message(msgspec.Struct):
    role: str
    content: str


class _Add(msgspec.Struct):
    messages: Annotated[list[_Message], msgspec.Meta(min_length=1)]
    user_id: str | None = None
    agent_id: str | None = None
    app_id: str | None = None
    run_id: str | None = None
    metadata: dict[str, Any] | None = None
    infer: bool = True
    timestamp: int | None = None  # seconds since 1970: when it is said to have been


class _List(msgspec.Struct):
    filters: dict[str, Any]


class _Search(_List):
    query: Annotated[str, msgspec.Meta(pattern=r"\S")]
    top_k: Annotated[int, msgspec.Meta(ge=1, le=MAX_TOP_K)] = DEFAULT_TOP_K
    threshold: float = DEFAULT_THRESHOLD


class _Update(msgspec.Struct):
    text: str | None = None
    metadata: dict[str, Any] | None = None
    timestamp: int | None = None


class _Job(msgspec.Struct):
    """Work that was promised: its event is pending, then running, and done when its time has come."""

    event: dict[str, object]
    started: float  # seconds of the clock
    due: float
    work: Callable[[], list[Memory]]


class PlatformServer(JsonServer):
    """Memories of one project of mem0's managed service.

    Shapes and rules are those of `mem0.MemoryClient` 2.2 and of docs.mem0.ai (api-reference, and migration/
    platform-v2-to-v3): ids stand at the top level of an add, and only inside `filters` of a search or a list.

    Implicit null: a filter on `user_id` alone means that `agent_id`, `app_id` and `run_id` are null, so it leaves out
    the memories of a run; "*" is any value but null. Sources: docs.mem0.ai, platform/features/v2-memory-filters ("the
    system also enforces agent_id = NULL, run_id = NULL, app_id = NULL") and entity-scoped-memory. That an OR at the
    root lifts it is said by the vendor's notes for coding agents alone. `implicit_null=False` adds nothing to what is
    written.

    A delete of many is queued for `delete_delay` and takes what matches when its time comes; an add that infers is
    queued for `extraction_delay` and then makes a memory of every sentence that its scope has not yet. The delays are
    seconds on `clock`, which is read with every request. An add with `infer: false` makes a memory of every message at
    once. Scores are rescaled so that the best of each search has 1.

    `page_order` "shuffled" lists in an order that is always the same and means nothing. After `rate_limit` requests
    all are answered by 429 for `retry_after` seconds.

    Errors come in the four shapes of the real one: {"detail"} for what has nothing to do with memories, {"error"} for
    one that is not there or cannot be stored, {"message"} for an update of nothing, a bare list for a bad filter.
    """

    def __init__(  # noqa: PLR0913 - each is a habit of its own
        self,
        *,
        api_key: str = "m0-key",
        implicit_null: bool = True,
        extraction_delay: float = 0.0,
        delete_delay: float = 0.0,
        page_order: Literal["newest", "shuffled"] = "newest",
        rate_limit: int | None = None,
        retry_after: int = 7,
        clock: Callable[[], float] = time.monotonic,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        super().__init__()
        self.memories = Memories(now)
        self._api_key = api_key
        self._implicit_null = implicit_null
        self._extraction_delay = extraction_delay
        self._delete_delay = delete_delay
        self._page_order = page_order
        self._rate_limit = rate_limit
        self._retry_after = retry_after
        self._clock = clock
        self._jobs: dict[str, _Job] = {}
        self._served = 0
        self._closed_until = -math.inf

    async def answer(self, request: Request) -> Answer:
        """Do what a request asks, and before it what has come due."""
        said: dict[str, object]
        self._work()
        self._check_rate()
        self._check_key(request)
        match request.method, request.segments:
            case "GET", ["v1", "ping", ""]:
                said = {"status": "ok", "org_id": "org", "project_id": "project", "user_email": "owner@example.com"}
            case "POST", ["v3", "memories", "add", ""]:
                said = self._add(request)
            case "POST", ["v3", "memories", "search", ""]:
                said = self._search(request)
            case "POST", ["v3", "memories", ""]:
                said = self._list(request)
            case "DELETE", ["v1", "memories", ""]:
                said = self._delete_all(request)
            case "GET" | "PUT" | "DELETE", ["v1", "memories", memory_id, ""] if _is_uuid(memory_id):
                said = self._one(request, memory_id)
            case "GET", ["v1", "event", event_id, ""] if event_id in self._jobs:
                said = self._jobs[event_id].event
            case "GET", ["v1", "entities", ""]:
                said = self._page(request, self._entities())
            case _, [*_, ""]:
                raise RefusedError(Answer(404, {"detail": "Not found."}))
            case _:
                raise RefusedError(Answer(404, b"<!doctype html><title>Not Found</title>"))
        return Answer(200, said)

    def _check_rate(self) -> None:
        now = self._clock()
        if self._rate_limit is None:
            return
        if now >= self._closed_until:
            if self._served < self._rate_limit:
                self._served += 1
                return
            self._served, self._closed_until = 0, now + self._retry_after
        seconds = math.ceil(self._closed_until - now)
        detail = {"detail": f"Request was throttled. Expected available in {seconds} seconds."}
        raise RefusedError(Answer(429, detail, {"retry-after": str(seconds)}))

    def _check_key(self, request: Request) -> None:
        said = request.headers.get("authorization", "")
        if said != f"Token {self._api_key}":
            reason = "Invalid token." if said.startswith("Token ") else "Authentication credentials were not provided."
            raise RefusedError(Answer(401, {"detail": reason}))

    def _add(self, request: Request) -> dict[str, object]:
        try:
            asked = msgspec.json.decode(request.body, type=_Add)
        except msgspec.DecodeError as error:
            raise _cannot_store(str(error)) from error
        scope: dict[str, str] = {name: value for name in ENTITIES if (value := getattr(asked, name))}
        if not scope:
            raise _cannot_store("One of user_id, agent_id, app_id, run_id is required.")
        texts = [message.content for message in asked.messages]
        moment = None if asked.timestamp is None else datetime.fromtimestamp(asked.timestamp, UTC)

        def store(texts: list[str]) -> list[Memory]:
            return [self.memories.add(scope, text, asked.metadata, moment) for text in texts]

        def extract() -> list[Memory]:
            known = {memory.text for memory in self.memories if memory.scope == scope}
            said = dict.fromkeys(part.strip() for text in texts for part in re.split(r"(?<=[.!?])\s+|\n", text))
            return store([sentence for sentence in said if sentence and sentence not in known])

        if asked.infer:
            event_id = self._promise("ADD", self._extraction_delay, extract)
            message = "Memory processing has been queued for background execution."
            return {"message": message, "event_id": event_id, "status": "PENDING"}
        results = [{"id": memory.id, "event": "ADD", "memory": memory.text} for memory in store(texts)]
        return {"results": results, "message": "Memory added successfully.", "event_id": None, "status": "SUCCEEDED"}

    def _search(self, request: Request) -> dict[str, object]:
        asked = _decoded(request, _Search)
        hits = ranked(asked.query, self._filtered(asked.filters))
        best = max([score for score, _ in hits if score], default=1.0)
        results = [
            _record(memory) | {"metadata": memory.metadata or {}, "score": score / best}
            for score, memory in hits
            if score / best >= asked.threshold
        ]
        return {"results": results[: asked.top_k]}

    def _list(self, request: Request) -> dict[str, object]:
        found = self._filtered(_decoded(request, _List).filters)
        if self._page_order == "shuffled":
            found.sort(key=lambda memory: memory.id)
        # A list leaves out the ids that elsewhere are null.
        records = [
            {name: value for name, value in _record(memory).items() if name not in ENTITIES or value is not None}
            for memory in found
        ]
        return self._page(request, records)

    def _page(self, request: Request, items: list[dict[str, object]]) -> dict[str, object]:
        """Return one page; a size beyond the greatest means the greatest, as in the platform's framework."""
        page = _natural(request.query.get("page", "1"))
        size = min(_natural(request.query.get("page_size", "")) or DEFAULT_PAGE_SIZE, MAX_PAGE_SIZE)
        start = (page - 1) * size
        if not page or (start and start >= len(items)):
            raise RefusedError(Answer(404, {"detail": "Invalid page."}))
        address = f"{self.base_url}{request.path}?page_size={size}&page="
        return {
            "count": len(items),
            "next": f"{address}{page + 1}" if start + size < len(items) else None,
            "previous": f"{address}{page - 1}" if start else None,
            "results": items[start : start + size],
        }

    def _filtered(self, where: dict[str, Any]) -> list[Memory]:
        matches = _predicate(where)
        spoken_of = named(where) & set(ENTITIES)
        if not spoken_of:
            raise _bad("At least one entity id is required in filters.")
        lifted = not self._implicit_null or "OR" in where
        absent = set() if lifted else set(ENTITIES) - spoken_of
        return [memory for memory in self.memories if matches(memory) and not absent & memory.scope.keys()]

    def _one(self, request: Request, memory_id: str) -> dict[str, object]:
        memory = self.memories.get(memory_id)
        if memory is None:
            raise RefusedError(Answer(404, {"error": "Memory not found!"}))
        if request.method == "DELETE":
            self.memories.remove(memory_id)
            return {"message": "Memory deleted successfully!"}
        if request.method == "PUT":
            changes = _decoded(request, _Update)
            if changes == _Update():
                raise RefusedError(Answer(400, {"message": "Nothing to update."}))
            memory.text = memory.text if changes.text is None else changes.text
            memory.metadata = memory.metadata if changes.metadata is None else changes.metadata
            memory.updated_at = self.memories.now()
            return _record(memory) | {"text": memory.text}
        return _record(memory)

    def _delete_all(self, request: Request) -> dict[str, object]:
        where = {name: request.query[name] for name in ENTITIES if request.query.get(name)}
        if not where:
            raise _bad("At least one filter is required.")
        matches = _predicate(where)

        def forget() -> list[Memory]:
            gone = [memory for memory in self.memories if matches(memory)]
            for memory in gone:
                self.memories.remove(memory.id)
            return gone

        event_id = self._promise("DELETE", self._delete_delay, forget)
        return {"message": "Memories deleted successfully!", "event_id": event_id}

    def _entities(self) -> list[dict[str, object]]:
        moments: dict[tuple[str, str], list[datetime]] = {}
        for memory in self.memories:
            for name, value in memory.scope.items():
                moments.setdefault((value, name.removesuffix("_id")), []).append(memory.created_at)
        return [
            {"id": name, "name": name, "type": kind, "owner": "owner", "organization": "org", "metadata": None}
            | {"total_memories": len(times), "created_at": min(times), "updated_at": max(times)}
            for (name, kind), times in moments.items()
        ]

    def _promise(self, kind: str, delay: float, work: Callable[[], list[Memory]]) -> str:
        event_id, clock = str(uuid4()), self._clock()
        event: dict[str, object] = {"id": event_id, "event_type": kind, "status": "PENDING", "results": None}
        event |= {"error": None, "created_at": self.memories.now(), "completed_at": None}
        self._jobs[event_id] = _Job(event, clock + delay / 2, clock + delay, work)
        return event_id

    def _work(self) -> None:
        now = self._clock()
        for job in self._jobs.values():
            if job.event["status"] == "SUCCEEDED" or now < job.started:
                continue
            job.event["status"] = "RUNNING"
            if now >= job.due:
                results = [
                    {"id": memory.id, "event": job.event["event_type"], "data": {"memory": memory.text}} | memory.scope
                    for memory in job.work()
                ]
                job.event |= {"status": "SUCCEEDED", "results": results, "completed_at": self.memories.now()}


def _record(memory: Memory) -> dict[str, object]:
    updated_at = memory.updated_at or memory.created_at
    return {
        "id": memory.id,
        "memory": memory.text,
        **{name: memory.scope.get(name) for name in ENTITIES},
        "metadata": memory.metadata,
        "categories": [],
        "created_at": memory.created_at.astimezone(_PACIFIC).isoformat(),
        "updated_at": updated_at.astimezone(_PACIFIC).isoformat(),
        "expiration_date": None,
    }


def _decoded(request: Request, kind: type[T]) -> T:
    try:
        body = msgspec.json.decode(request.body, type=dict[str, Any])
        if body.keys() & set(ENTITIES):
            raise _bad("Entity ids must be passed in filters.")
        return msgspec.convert(body, kind)
    except msgspec.DecodeError as error:
        raise _bad(str(error)) from error


def _predicate(where: dict[str, Any]) -> Predicate:
    try:
        return predicate(where)
    except ValueError as error:
        raise _bad(str(error)) from error


def _natural(text: str) -> int:
    return int(text) if text.isdecimal() else 0


def _is_uuid(text: str) -> bool:
    try:
        return bool(UUID(text))
    except ValueError:
        return False


def _bad(text: str) -> RefusedError:
    return RefusedError(Answer(400, [text]))


def _cannot_store(text: str) -> RefusedError:
    return RefusedError(Answer(400, {"error": "400 Bad Request", "details": {"message": text}}))
