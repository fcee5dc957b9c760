"""What a request costs the service's process in processor time: at its edge alone, and all in all.

The edge is everything between the server and the provider: admission, the caller, limits, JSON, headers, metrics, the
access line. It is measured inside this process with a provider that answers at once what it has answered before, both
in the direct way and in the framework's own, which a slash behind the path takes. The whole is what `ninai serve` uses
in the same requests by 8 clients, its server and PostgreSQL's driver included, PostgreSQL itself not. Processor time
hardly depends on what else waits for the machine, though on what shares its caches.
"""

import asyncio
import json
import os
import statistics
from collections.abc import Awaitable, Callable, Iterator
from http import HTTPStatus
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import process_time
from typing import Any

import uvloop
from litestar import Litestar
from msgspec import Struct
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from observability.logs import configure_logs
from providers.base import MemoryProvider
from tests.bench.load import HttpClient, Work, run_load, table
from tests.bench.service import service, text_of
from tests.support.asgi import ask
from tests.support.postgres import reachable_folder

MEMORIES = 1_000
CLIENTS = 8
ROUNDS = 15
REQUESTS = 200
SECONDS = 4.0
USER = "bench"
_BATCH = 500
_JSON = (b"content-type", b"application/json")


class Request(Struct, frozen=True):
    """One kind of request; `body` makes a new one each time, None where there is none."""

    method: str
    path: str
    body: Callable[[Random], bytes] | None = None

    async def ask(self, app: Litestar, random: Random, behind: str = "") -> None:
        """Send it to an application in this process; `behind` stands behind the path."""
        content = b"" if self.body is None else self.body(random)
        length = [_JSON, (b"content-length", b"%d" % len(content))] if content else []
        answer = await ask(
            app, self.method, self.path + behind, [(b"x-user-id", USER.encode()), *length], content=content
        )
        if answer.status != HTTPStatus.OK:
            raise RuntimeError(f"{self} was answered with {answer.status}")

    async def send(self, client: HttpClient, random: Random) -> None:
        """Send it to a service."""
        if self.body is None:
            await client.get(self.path, USER)
        else:
            await client.post(self.path, USER, self.body(random))


def requests(memory_id: str) -> dict[str, Request]:
    """Return what is asked, by operation."""
    return {
        "recall": Request("POST", "/memory/recall", lambda random: _encoded(query=text_of(random, 6))),
        "remember": Request("POST", "/memory/remember", lambda random: _encoded(content=text_of(random, 20))),
        "get": Request("GET", f"/memory/memories/{memory_id}"),
        "list": Request("POST", "/memory/list", lambda _: _encoded(limit=10)),
    }


def _encoded(**fields: object) -> bytes:
    return json.dumps(fields).encode()


class AtOnce:
    """Answers what another provider has answered to the first call of each kind."""

    def __init__(self, provider: MemoryProvider) -> None:
        self._provider = provider
        self._answers: dict[str, Any] = {}

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever the provider has
        method = getattr(self._provider, name)

        async def answered(*arguments: Any) -> Any:  # noqa: ANN401 - as above
            if name not in self._answers:
                self._answers[name] = await method(*arguments)
            return self._answers[name]

        return answered


def main() -> None:
    """Measure both and print the table."""
    with Path(os.devnull).open("w") as nowhere:
        configure_logs("json", "info", nowhere)  # the access lines are written, and nobody sees them
        edges = uvloop.run(_edges())
    with reachable_folder() as folder, service(folder) as port:
        whole = uvloop.run(_whole(port, folder))
    table(_rows(edges, whole))


def _rows(edges: dict[str, tuple[float, float]], whole: dict[str, float]) -> Iterator[tuple[str, ...]]:
    yield ("operation", "edge us", "in the framework's way us", "all of the process us")
    for operation, (direct, framework) in edges.items():
        yield operation, f"{direct:.0f}", f"{framework:.0f}", f"{whole[operation]:.0f}"


async def _edges() -> dict[str, tuple[float, float]]:
    with TemporaryDirectory() as folder:
        settings = load(None, environ={"NINAI__DATA_DIR": folder, "MEMORY_PROVIDER": "mock"}).settings
        app = create_app(settings, CollectorRegistry())
        async with app.lifespan():
            for number in range(2 * REQUESTS):
                await requests("")["remember"].ask(app, Random(number))
            [memory] = (await app.state.provider.list_memories(USER, limit=1))[:1]
            app.state.provider = AtOnce(app.state.provider)
            return {operation: await _edge(app, request) for operation, request in requests(memory.id).items()}


async def _edge(app: Litestar, request: Request) -> tuple[float, float]:
    """Return the microseconds of one kind of request, directly and through the framework; measured in turns."""
    random, taken = Random(1), {"": list[float](), "/": list[float]()}
    for _ in range(ROUNDS):
        for behind, times in taken.items():
            began = process_time()
            for _ in range(REQUESTS):
                await request.ask(app, random, behind)
                await asyncio.sleep(0)
            times.append((process_time() - began) / REQUESTS * 1e6)
    return statistics.median(taken[""]), statistics.median(taken["/"])


async def _whole(port: int, folder: Path) -> dict[str, float]:
    random, client = Random(1), await HttpClient.connect(port)
    for _ in range(MEMORIES // _BATCH):
        memories = [{"content": text_of(random, 20)} for _ in range(_BATCH)]
        await client.post("/memory/remember/batch", USER, _encoded(memories=memories))
    [memory] = json.loads(await client.get("/memory/memories?limit=1", USER))["memories"]
    client.close()
    return {operation: await _used(port, folder, request) for operation, request in requests(memory["id"]).items()}


async def _used(port: int, folder: Path, request: Request) -> float:
    """Return the microseconds of processor time that a service takes for one request."""
    clients = [await HttpClient.connect(port) for _ in range(CLIENTS)]
    sent = 0

    def work(client: HttpClient, random: Random) -> Work:
        async def one() -> None:
            nonlocal sent
            await request.send(client, random)
            sent += 1

        return one

    works: list[Callable[[], Awaitable[None]]] = [work(client, Random(n)) for n, client in enumerate(clients)]
    await run_load(works, SECONDS / 4)
    sent, began = 0, _processor_seconds(folder)
    await run_load(works, SECONDS)
    used = (_processor_seconds(folder) - began) / sent * 1e6
    for client in clients:
        client.close()
    return used


def _processor_seconds(folder: Path) -> float:
    """Return what the processes of the service over a folder have used; PostgreSQL's are called otherwise."""
    ticks = 0
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().split(b"\0")
            if b"serve" in words and bytes(folder / "data") in words:
                ticks += sum(map(int, (process / "stat").read_text().rpartition(")")[2].split()[11:13]))
        except OSError:  # it has ended
            continue
    return ticks / os.sysconf("SC_CLK_TCK")


if __name__ == "__main__":
    main()
