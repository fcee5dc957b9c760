"""What servers that speak for mem0 are made of: a listener that speaks JSON, memories, filters, ranks."""

import asyncio
import operator
import unicodedata
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import UTC, datetime
from types import MappingProxyType, TracebackType
from typing import Any, NamedTuple, Self
from urllib.parse import parse_qsl, unquote, urlsplit
from uuid import uuid4

import msgspec

HOST = "127.0.0.1"

_NO_HEADERS: Mapping[str, str] = MappingProxyType({})

_JOINTS = frozenset({"AND", "OR", "NOT"})

_OPERATORS: dict[str, Callable[[Any, Any], bool]] = {
    "eq": operator.eq,
    "in": lambda value, wanted: value in wanted,
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "contains": operator.contains,
    "icontains": lambda value, wanted: wanted.casefold() in value.casefold(),
}


class Request(NamedTuple):
    """One request as it came."""

    method: str
    path: str  # as it stood in the request, percent-encoded
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: bytes

    @property
    def segments(self) -> list[str]:
        """The parts of the path, decoded; one that ends in a slash ends in an empty part."""
        return [unquote(part) for part in self.path.split("/")[1:]]


class Answer(NamedTuple):
    """One answer: JSON, or HTML where the content is bytes."""

    status: int
    content: object
    headers: Mapping[str, str] = _NO_HEADERS


class RefusedError(Exception):
    """A request that cannot be served, with the answer that says so."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(answer)
        self.answer = answer


class JsonServer(ABC):
    """Listen on a free port of the loopback for as long as the context lasts; `requests` holds what came.

    It always behaves: to see it down, slow or broken, put a proxy that misbehaves before it.
    """

    def __init__(self) -> None:
        self.requests: list[Request] = []
        self._said_next: deque[Answer] = deque()
        self._port = 0
        self._listener: asyncio.Server | None = None
        self._connections: dict[asyncio.Task[None], asyncio.StreamWriter] = {}

    @property
    def connections(self) -> int:
        """How many are open."""
        return len(self._connections)

    @abstractmethod
    async def answer(self, request: Request) -> Answer:
        """Do what a request asks.

        Raises:
            RefusedError: it cannot be done; the answer is in it.
        """

    @property
    def base_url(self) -> str:
        """What a client is configured with."""
        return f"http://{HOST}:{self._port}"

    def say_next(self, *answers: Answer) -> None:
        """Answer the next requests with these, one each, in place of what they ask for."""
        self._said_next.extend(answers)

    async def __aenter__(self) -> Self:
        self._listener = await asyncio.start_server(self._serve, HOST)
        self._port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        assert self._listener is not None
        self._listener.close()
        await self._listener.wait_closed()
        for writer in self._connections.values():
            writer.close()
        await asyncio.gather(*self._connections)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._connections[task] = writer
        try:
            while True:
                await self._exchange(reader, writer)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client hung up, which is its right
        finally:
            writer.close()
            del self._connections[task]

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        request = await _receive(reader)
        self.requests.append(request)
        answer = self._said_next.popleft() if self._said_next else await self._done(request)
        writer.write(_on_the_wire(answer))
        await writer.drain()

    async def _done(self, request: Request) -> Answer:
        try:
            return await self.answer(request)
        except RefusedError as refused:
            return refused.answer


class Memory(msgspec.Struct, kw_only=True):
    """One memory as a server keeps it; `scope` holds the ids it was stored under, such as `user_id`."""

    id: str
    scope: dict[str, str]
    text: str
    metadata: dict[str, Any] | None
    created_at: datetime
    updated_at: datetime | None = None


class Memories:
    """Memories of many owners; `now` returns the time of each, in UTC."""

    def __init__(self, now: Callable[[], datetime] = lambda: datetime.now(UTC)) -> None:
        self.now = now
        self._by_id: dict[str, Memory] = {}

    def __iter__(self) -> Iterator[Memory]:
        """Yield all memories, the newest first."""
        return iter(sorted(self._by_id.values(), key=lambda memory: memory.created_at)[::-1])

    def get(self, memory_id: str) -> Memory | None:
        """Return the memory with this id."""
        return self._by_id.get(memory_id)

    def add(
        self, scope: Mapping[str, str], text: str, metadata: dict[str, Any] | None, created_at: datetime | None = None
    ) -> Memory:
        """Keep a new memory, under an id of its own; it is from now by default."""
        moment = created_at or self.now()
        memory = Memory(id=str(uuid4()), scope=dict(scope), text=text, metadata=metadata, created_at=moment)
        self._by_id[memory.id] = memory
        return memory

    def remove(self, memory_id: str) -> None:
        """Forget the memory with this id, if there is one."""
        self._by_id.pop(memory_id, None)


Predicate = Callable[[Memory], bool]


def predicate(where: dict[str, Any]) -> Predicate:
    """Read a filter as mem0's platform documents it; conditions beside each other must hold together.

    Raises:
        ValueError: a key, an operator or a moment in it is none.
    """
    parts = [
        _joined(key, [predicate(part) for part in _listed(wanted)]) if key in _JOINTS else _condition(key, wanted)
        for key, wanted in where.items()
    ]
    return _joined("AND", parts)


def named(where: dict[str, Any]) -> set[str]:
    """Return the keys that a filter speaks of, at any depth."""
    inner = [named(part) for key in where.keys() & _JOINTS for part in _listed(where[key])]
    return (where.keys() - _JOINTS).union(*inner)


def ranked(query: str, memories: Iterable[Memory]) -> list[tuple[float, Memory]]:
    """Return the memories with how well each answers a question, in [0, 1], best first and then as they came.

    The score is the share of the question's words that a memory has.
    """
    asked = _words(query)
    scored = [(len(asked & _words(memory.text)) / max(1, len(asked)), memory) for memory in memories]
    return sorted(scored, key=lambda pair: -pair[0])


def _listed(parts: Any) -> list[dict[str, Any]]:  # noqa: ANN401 - as JSON has it
    listed = parts if isinstance(parts, list) else [parts]
    if not all(isinstance(part, dict) for part in listed):
        raise ValueError("what AND, OR and NOT join must be objects")
    return listed


def _joined(joint: str, parts: list[Predicate]) -> Predicate:
    match joint:
        case "AND":
            return lambda memory: all(part(memory) for part in parts)
        case "OR":
            return lambda memory: any(part(memory) for part in parts)
    return lambda memory: not any(part(memory) for part in parts)


def _condition(key: str, wanted: Any) -> Predicate:  # noqa: ANN401 - as JSON has it
    match key:
        case "user_id" | "agent_id" | "app_id" | "run_id":
            return _comparison(lambda memory: memory.scope.get(key), wanted)
        case "created_at" | "updated_at" if isinstance(wanted, dict):
            moments = {name: _moment(text) for name, text in wanted.items()}
            return _comparison(lambda memory: getattr(memory, key) or memory.created_at, moments)
        case "keywords":
            return _comparison(lambda memory: memory.text, wanted)
        case "memory_ids" if isinstance(wanted, list):
            return lambda memory: memory.id in wanted
        case "metadata" if isinstance(wanted, dict):
            return lambda memory: (memory.metadata or {}).items() >= wanted.items()
    raise ValueError(f"unsupported filter: {key}")


def _comparison(value_of: Callable[[Memory], Any], wanted: Any) -> Predicate:  # noqa: ANN401 - as JSON has it
    """Hold a value against "*", which is any but null, against operators or a plain value; null meets `ne` alone."""
    if wanted == "*":
        return lambda memory: value_of(memory) is not None
    limits = wanted if isinstance(wanted, dict) else {"eq": wanted}
    if unknown := limits.keys() - _OPERATORS.keys() - {"ne"}:
        raise ValueError(f"unsupported operators: {sorted(unknown)}")

    def holds(memory: Memory) -> bool:
        value = value_of(memory)
        return all(
            value != limit if name == "ne" else value is not None and _OPERATORS[name](value, limit)
            for name, limit in limits.items()
        )

    return holds


def _moment(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def _words(text: str) -> set[str]:
    folded = unicodedata.normalize("NFKC", text).casefold()
    return set("".join(letter if unicodedata.category(letter)[0] in "LMN" else " " for letter in folded).split())


async def _receive(reader: asyncio.StreamReader) -> Request:
    head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
    request_line, *lines = head.rstrip("\r\n").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", "0")))
    method, target, _ = request_line.split(" ")
    url = urlsplit(target)
    return Request(method, url.path, dict(parse_qsl(url.query, keep_blank_values=True)), headers, body)


def _on_the_wire(answer: Answer) -> bytes:
    html = isinstance(answer.content, bytes)
    body = answer.content if isinstance(answer.content, bytes) else msgspec.json.encode(answer.content)
    headers = {"content-type": "text/html" if html else "application/json", "content-length": str(len(body))}
    lines = [f"{name}: {value}\r\n" for name, value in (headers | dict(answer.headers)).items()]
    return f"HTTP/1.1 {answer.status} Status\r\n{''.join(lines)}\r\n".encode() + body
