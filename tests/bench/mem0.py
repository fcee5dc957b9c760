"""mem0 through the service against the same mem0 asked directly, and the native provider against that mem0.

All are asked in turns: one client call by call, eight clients slice by slice, so that what else the machine does meets
all of them alike. All embeddings come from the same model: mem0's by the OpenAI API from within its own process, the
native provider's by the same API or, as it comes, without it. The user whose memories are recalled has more than a
search gives; the services wait long enough on a busy machine.
"""

import asyncio
import json
import statistics
import sys
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from random import Random
from time import perf_counter

import uvloop
from msgspec import Struct

from providers.mem0.reading import CANDIDATES
from providers.native.embedded import EmbeddedServer
from tests.bench.load import HttpClient, Measured, Work, run_load, table
from tests.bench.service import text_of
from tests.support.mem0_oss import Mem0Process
from tests.support.openai_server import OpenAIServer
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import environment, running_service

MEMORIES = 100  # of the user whose memories are recalled
CALLS = 150  # of each variant, by one client
CLIENTS = 8
ROUNDS = 5
SECONDS = 3.0

_ADDED_MS, _SHARE, _TIMES = 3.0, 0.95, 15.0  # what is wanted
_WARM_UP = 10
_READER, _WRITER = "reader", "writer"
_NATIVES = ("by HTTP", "its own")

_THROUGH = ("operation", "direct", "through", "added", "wanted", "rate/s", "through/s", "share", "wanted")
_NATIVE = (
    "operation",
    "embeddings",
    "mem0 p50 ms",
    "native",
    "ratio",
    "mem0/s",
    "native/s",
    f"of {CLIENTS} clients",
    "wanted",
)

Ask = Callable[[Random], tuple[str, bytes]]


class Variant(Struct, frozen=True):
    """One way of asking: where, and what a call says."""

    name: str
    port: int
    ask: Ask

    async def client(self, seed: int) -> tuple[HttpClient, Work]:
        """Connect, and give what one call is."""
        client, random = await HttpClient.connect(self.port), Random(seed)

        async def call() -> None:
            path, body = self.ask(random)
            await client.post(path, _WRITER if path.endswith("remember") else _READER, body)

        return client, call


def main() -> None:
    """Measure everything."""
    uvloop.run(_measure())


async def _measure() -> None:
    async with _servers() as (mem0, through, *natives):
        for port in (through, *natives):
            await _fill(port)
        await _check_full(mem0)
        rows: dict[str, list[tuple[str, ...]]] = {"through": [], "native": []}
        for operation in ("recall", "remember"):
            direct = Variant("mem0", mem0, _DIRECT[operation])
            ours = Variant("through the service", through, _OURS[operation])
            own = [Variant(name, port, _OURS[operation]) for name, port in zip(_NATIVES, natives, strict=True)]
            alone = await _call_by_call((direct, ours, *own))
            together = await _slice_by_slice((direct, ours, *own))
            rows["through"].append(_through(operation, alone, together, direct.name, ours.name))
            rows["native"] += [_faster(operation, alone, together, direct.name, native.name) for native in own]
    print(f"the same mem0 directly and through the service, p50 in ms of one client, rates of {CLIENTS} clients:")
    table(iter([_THROUGH, *rows["through"]]))
    print("mem0 directly and the native provider over HTTP:")
    table(iter([_NATIVE, *rows["native"]]))


def _through(
    operation: str, alone: Mapping[str, float], together: Mapping[str, Sequence[Measured]], direct: str, ours: str
) -> tuple[str, ...]:
    share = _median_ratio(together[ours], together[direct])
    return (
        operation,
        f"{alone[direct]:.1f}",
        f"{alone[ours]:.1f}",
        f"{alone[ours] - alone[direct]:+.1f}",
        f"<= {_ADDED_MS:.0f}",
        *_rates(together[direct], together[ours]),
        f"{share:.0%}",
        f">= {_SHARE:.0%}",
    )


def _faster(
    operation: str, alone: Mapping[str, float], together: Mapping[str, Sequence[Measured]], mem0: str, own: str
) -> tuple[str, ...]:
    return (
        operation,
        own,
        f"{alone[mem0]:.1f}",
        f"{alone[own]:.1f}",
        f"{alone[mem0] / alone[own]:.1f}x",
        *_rates(together[mem0], together[own]),
        f"{_median_ratio(together[own], together[mem0]):.1f}x",
        f">= {_TIMES:.0f}x",
    )


def _rates(*runs: Sequence[Measured]) -> Iterator[str]:
    return (f"{statistics.median(one.rate for one in run):.0f}" for run in runs)


def _median_ratio(these: Sequence[Measured], those: Sequence[Measured]) -> float:
    return statistics.median(this.rate / that.rate for this, that in zip(these, those, strict=True))


async def _call_by_call(variants: Sequence[Variant]) -> dict[str, float]:
    """The median of each in milliseconds, one client calling them in turns."""
    connected = [(variant.name, *await variant.client(0)) for variant in variants]
    times: dict[str, list[float]] = {variant.name: [] for variant in variants}
    for number in range(CALLS + _WARM_UP):
        for name, _, call in connected:
            started = perf_counter()
            await call()
            if number >= _WARM_UP:
                times[name].append((perf_counter() - started) * 1000)
    for _, client, _ in connected:
        client.close()
    return {name: statistics.median(measured) for name, measured in times.items()}


async def _slice_by_slice(variants: Sequence[Variant]) -> dict[str, list[Measured]]:
    """What each comes to with several clients, in slices that take turns."""
    runs: dict[str, list[Measured]] = {variant.name: [] for variant in variants}
    for number in range(ROUNDS):
        for variant in variants:
            connected = [await variant.client(number * CLIENTS + client) for client in range(CLIENTS)]
            runs[variant.name].append(await run_load([call for _, call in connected], SECONDS))
            for client, _ in connected:
                client.close()
    return runs


def _searched(random: Random) -> tuple[str, bytes]:
    body = {"query": text_of(random, 6), "filters": {"user_id": _READER}, "top_k": CANDIDATES, "threshold": 0.0}
    return "/search", json.dumps(body).encode()


def _added(random: Random) -> tuple[str, bytes]:
    messages = [{"role": "user", "content": text_of(random, 20)}]
    return "/memories", json.dumps({"messages": messages, "user_id": _WRITER, "infer": False}).encode()


def _recalled(random: Random) -> tuple[str, bytes]:
    return "/memory/recall", json.dumps({"query": text_of(random, 6)}).encode()


def _remembered(random: Random) -> tuple[str, bytes]:
    return "/memory/remember", json.dumps({"content": text_of(random, 20)}).encode()


# The calls that the service makes.
_DIRECT: dict[str, Ask] = {"recall": _searched, "remember": _added}
_OURS: dict[str, Ask] = {"recall": _recalled, "remember": _remembered}


@asynccontextmanager
async def _servers() -> AsyncIterator[list[int]]:
    """The ports of mem0, of a service over it, and of one over the native provider with either kind of embeddings."""
    async with AsyncExitStack() as stack:
        folder = stack.enter_context(reachable_folder())
        server = stack.enter_context(EmbeddedServer(folder / "postgres").running())
        mem0 = await stack.enter_async_context(Mem0Process(server.dsn))
        embeddings = await stack.enter_async_context(_embeddings())
        over_mem0 = {
            "NINAI__ORDER": "mem0",
            "NINAI__PROVIDERS__MEM0__KIND": "mem0",
            "NINAI__PROVIDERS__MEM0__BASE_URL": mem0.base_url,
            "NINAI__PROVIDERS__MEM0__DIALECT": "oss",
            **patience_for("mem0"),
        }
        by_http = {
            "NINAI__PROVIDERS__NATIVE__KIND": "native",
            "NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "openai",
            "NINAI__PROVIDERS__NATIVE__EMBEDDER__BASE_URL": embeddings,
            "NINAI__PROVIDERS__NATIVE__EMBEDDER__API_KEY": "none",
            **patience_for("native"),
        }
        urls = [mem0.base_url]
        services = {"over-mem0": over_mem0, "native": by_http, "native-own": patience_for("native")}
        for name, variables in services.items():
            own = folder / name
            own.mkdir()
            urls.append(stack.enter_context(running_service(own, variables)).url)
        yield [int(url.rpartition(":")[2]) for url in urls]


@asynccontextmanager
async def _embeddings() -> AsyncIterator[str]:
    """The address of a server of embeddings in a process of its own."""
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "tests.bench.mem0",
        stdout=asyncio.subprocess.PIPE,
        cwd=Path(__file__).parents[2],
        env=environment(),
    )
    assert process.stdout is not None
    try:
        yield (await process.stdout.readline()).decode().strip()
    finally:
        process.kill()
        await process.wait()


async def _serve_embeddings() -> None:
    async with OpenAIServer() as server:
        print(server.base_url, flush=True)
        await asyncio.Event().wait()


async def _fill(port: int) -> None:
    random = Random(1)
    client = await HttpClient.connect(port)
    memories = [{"content": text_of(random, 20)} for _ in range(MEMORIES)]
    for start in range(0, MEMORIES, 10):
        await client.post(
            "/memory/remember/batch", _READER, json.dumps({"memories": memories[start : start + 10]}).encode()
        )
    client.close()


async def _check_full(mem0: int) -> None:
    client = await HttpClient.connect(mem0)
    path, body = _DIRECT["recall"](Random(2))
    found = json.loads(await client.post(path, _READER, body))
    client.close()
    if len(found["results"]) != CANDIDATES:
        raise RuntimeError(f"the search is not full: {len(found['results'])}")


if __name__ == "__main__":
    asyncio.run(_serve_embeddings())
