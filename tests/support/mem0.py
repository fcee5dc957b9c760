"""The mem0 provider on a test's server, its dialects one by one, and mem0's own routes without mem0."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any
from uuid import UUID

import msgspec
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from observability.secret import Secret
from providers.host import Host
from providers.mem0.client import open_client
from providers.mem0.dialects.base import Dialect
from providers.mem0.dialects.oss import OssDialect
from providers.mem0.dialects.platform import PlatformDialect
from providers.mem0.dialects.spec import SpecDialect
from providers.mem0.settings import Mem0Settings
from providers.replica import Replica
from providers.states.clock import HybridClock
from tests.support.mem0_memories import Answer, JsonServer, Memories, Memory, RefusedError, Request, ranked
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer

KEY = "key-of-the-operator"
HMAC_SECRET = "secret-of-the-signatures"
DIALECTS = ("spec", "oss", "platform")

_SCOPE = ("user_id", "agent_id", "run_id")


class OssServer(JsonServer):
    """mem0's own routes over memories in this process, for tests that need a thousand of them.

    The tests over `Mem0Process` show what a real mem0 does beyond that.
    """

    def __init__(self, api_key: str = KEY) -> None:
        super().__init__()
        self.memories = Memories()
        self._api_key = api_key

    async def answer(self, request: Request) -> Answer:
        """Do what a request asks."""
        if request.headers.get("x-api-key") != self._api_key or "authorization" in request.headers:
            raise RefusedError(Answer(401, {"detail": "Invalid API key"}))
        match request.method, request.segments:
            case "POST", ["memories"]:
                return self._add(msgspec.json.decode(request.body))
            case "POST", ["search"]:
                return self._search(msgspec.json.decode(request.body))
            case "GET", ["memories"]:
                return Answer(200, {"results": [_record(one) for one in self._of(request.query)]})
            case "GET", ["memories", memory_id]:
                found = self.memories.get(str(UUID(memory_id)))
                return Answer(200, found and _record(found))
            case "DELETE", ["memories", memory_id]:
                if self.memories.get(memory_id) is None:
                    raise RefusedError(Answer(404, {"detail": "Memory not found"}))
                self.memories.remove(memory_id)
                return Answer(200, {"message": "Memory deleted successfully"})
        raise RefusedError(Answer(404, {"detail": "Not Found"}))

    def _add(self, asked: dict[str, Any]) -> Answer:
        scope = {name: asked[name] for name in _SCOPE if name in asked}
        added = self.memories.add(scope, asked["messages"][0]["content"], asked["metadata"])
        return Answer(200, {"results": [{"id": added.id, "memory": added.text, "event": "ADD"}]})

    def _search(self, asked: dict[str, Any]) -> Answer:
        hits = ranked(asked["query"], self._of(asked["filters"]))[: asked["top_k"]]
        return Answer(200, {"results": [_record(memory) | {"score": score} for score, memory in hits]})

    def _of(self, asked: Mapping[str, str]) -> list[Memory]:
        scope = {name: asked[name] for name in _SCOPE if name in asked}
        return [one for one in self.memories if one.scope.items() >= scope.items()][: int(asked.get("top_k", "1000"))]


SERVERS: dict[str, Callable[[], SpecServer | OssServer | PlatformServer]] = {
    "spec": lambda: SpecServer(api_key=KEY, hmac_secret=HMAC_SECRET),
    "oss": OssServer,
    "platform": lambda: PlatformServer(api_key=KEY),
}


def host(metrics: Metrics | None = None) -> Host:
    """Return what a process hands its providers; nothing is written to a folder."""
    return Host(name="mem0", data_dir=Path(), metrics=metrics or Metrics(CollectorRegistry()), clock=HybridClock())


@asynccontextmanager
async def opened(
    base_url: str,
    dialect: str,
    metrics: Metrics | None = None,
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep,
    **settings: Any,  # noqa: ANN401 - as the settings have it
) -> AsyncIterator[Replica]:
    """Yield the provider with the keys of the tests' servers; `sleep` is for the reconciliation of ambiguous writes."""
    secrets = {"api_key": Secret(KEY), "hmac_secret": Secret(HMAC_SECRET)}
    configured = Mem0Settings(**{"base_url": base_url, "dialect": dialect, **secrets, **settings})
    async with configured.open(host(metrics), sleep) as provider:
        yield provider


@asynccontextmanager
async def speaking(base_url: str, dialect: str, patience: float = 10.0) -> AsyncIterator[Dialect]:
    """Yield one dialect over a client of its own; `patience` is seconds for one request."""
    async with open_client(base_url, request_timeout=patience, connect_timeout=patience, concurrency=8) as client:
        speakers: dict[str, Dialect] = {
            "spec": SpecDialect(client, Secret(KEY), Secret(HMAC_SECRET)),
            "oss": OssDialect(client, Secret(KEY)),
            "platform": PlatformDialect(client, Secret(KEY)),
        }
        yield speakers[dialect]


def texts_of(server: SpecServer | OssServer | PlatformServer, user: str) -> list[str]:
    """Return the texts that a server holds for a user, the oldest first."""
    return [memory.text for memory in server.memories if memory.scope.get("user_id") == user][::-1]


def adds(requests: list[Any]) -> int:
    """Return how many of these requests store something."""
    return sum(
        one.method == "POST" and one.path in {"/v1/memories/", "/memories", "/v3/memories/add/"} for one in requests
    )


def _record(memory: Memory) -> dict[str, Any]:
    ids = {name: memory.scope.get(name) for name in _SCOPE}
    return {"id": memory.id, "memory": memory.text, "metadata": memory.metadata, "created_at": memory.created_at} | ids
