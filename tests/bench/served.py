"""The kinds of stores through the service: recall, remember, and filling a newcomer, in turns within one run.

Every kind is alone behind a service of its own; one more service has all of them, the native provider as home, and
fills the others. Recall asks for the memories of one user, whose index is warm.
"""

import asyncio
import json
import statistics
from collections import defaultdict
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path
from random import Random
from time import perf_counter

import httpx
import uvloop
from msgspec import Struct

from providers.journal.base import Journal
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.bench.load import HttpClient, Measured, Work, run_load, table
from tests.bench.service import text_of
from tests.support.native import host_for
from tests.support.opensearch import running_opensearch
from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.redis import running_redis
from tests.support.service import Service, running_service

MEMORIES = 1_000  # of the user who recalls
NEWCOMERS = 3  # of each kind, one after the other
USERS, OF_EACH = 10, 500  # of whom a newcomer is filled, and the memories of each
BATCH = 100
CLIENTS = 4
ROUNDS = 9
SECONDS = 1.5

_RECALL, _REMEMBER, _FILL = 1.2, 0.7, 0.5  # what is wanted, of native's or of what is stored in batches
_NATIVE = "native"
_POLL = 0.02
_FILLED = {f"filled-{number:02}": OF_EACH for number in range(USERS)}
_READER = "reader"


class Kind(Struct, frozen=True):
    """One kind of store: its name, what it is configured with, and the setting that tells two of its stores apart."""

    name: str
    variables: dict[str, str]
    place: str = ""

    def environment(self, name: str, place: str | None = None) -> dict[str, str]:
        """The variables of a service that has it under a name, in a store of its own."""
        variables = self.variables | ({self.place: place} if self.place and place else {})
        own = {f"NINAI__PROVIDERS__{name.upper()}__{key}": value for key, value in variables.items()}
        return own | patience_for(name)

    @property
    def newcomers(self) -> list[str]:
        """The names of those that are filled."""
        return [f"{self.name}{number}" for number in range(NEWCOMERS)] if self.place else []


def main() -> None:
    """Measure everything."""
    with reachable_folder() as folder, _kinds() as kinds, ExitStack() as stack:
        services = {kind.name: stack.enter_context(_alone(folder, kind)) for kind in kinds}
        filling = stack.enter_context(_with_newcomers(folder, kinds))
        uvloop.run(_measure({name: _port_of(service) for name, service in services.items()}, filling, kinds))


@contextmanager
def _kinds() -> Iterator[list[Kind]]:
    with running_redis() as redis, running_opensearch() as opensearch:
        yield [
            Kind(_NATIVE, {"KIND": "native"}),
            Kind("redis", {"KIND": "redis", "URL": redis.url}, "PREFIX"),
            # With the embedder that native has by default, so that both do the same for an answer.
            Kind(
                "redis_vectors",
                {"KIND": "redis", "URL": redis.url, "EMBEDDER__KIND": "local", "PREFIX": "own"},
                "PREFIX",
            ),
            Kind("opensearch", {"KIND": "opensearch", "URL": opensearch.url}, "INDEX"),
        ]


@contextmanager
def _alone(folder: Path, kind: Kind) -> Iterator[Service]:
    own = folder / kind.name
    own.mkdir()
    variables = {"NINAI__ORDER": kind.name, **kind.environment(kind.name)}
    with running_service(own, variables) as service:
        yield service


@contextmanager
def _with_newcomers(folder: Path, kinds: list[Kind]) -> Iterator[Service]:
    """A service over a native provider that has memories, which knows stores of the other kinds that have nothing yet.

    No journal retains these memories, as it does not retain most of what a store has: it would deliver them as well.
    """
    own = folder / "filling"
    own.mkdir()
    first = {"NINAI__ORDER": _NATIVE, "NINAI__JOURNAL__KIND": "none"}
    variables = {
        "NINAI__ORDER": _NATIVE,
        "NINAI__JOURNAL__KIND": "sqlite",
        "NINAI__JOURNAL__PATH": str(own / "journal.sqlite3"),
    }
    for kind in kinds:
        for name in kind.newcomers or [kind.name]:
            variables |= kind.environment(name, name)
    with running_service(own, first | patience_for(_NATIVE)) as service:
        uvloop.run(_remember_many(_port_of(service), _FILLED))
    with running_service(own, variables) as service:
        yield service


async def _measure(ports: Mapping[str, int], filling: Service, kinds: list[Kind]) -> None:
    await _compare(ports)
    await _fill_newcomers(ports, filling, kinds)


async def _compare(ports: Mapping[str, int]) -> None:
    for port in ports.values():
        await _remember_many(port, {_READER: MEMORIES})
    runs: defaultdict[tuple[str, str], list[Measured]] = defaultdict(list)
    for number in range(ROUNDS + 1):
        for operation in ("recall", "remember"):
            for name, port in ports.items():
                measured = await _measured(port, operation, number)
                if number:  # the first round warms up
                    runs[operation, name].append(measured)
    print(f"\nover HTTP, {MEMORIES} memories of the user who recalls, {CLIENTS} clients, {ROUNDS} rounds in turns:")
    table(_rows(runs, [*ports]))


async def _measured(port: int, operation: str, number: int) -> Measured:
    clients = [await HttpClient.connect(port) for _ in range(CLIENTS)]
    works = [_work(client, operation, Random(number * CLIENTS + at)) for at, client in enumerate(clients)]
    measured = await run_load(works, SECONDS)
    for client in clients:
        client.close()
    return measured


def _work(client: HttpClient, operation: str, random: Random) -> Work:
    async def recall() -> None:
        await client.post("/memory/recall", _READER, json.dumps({"query": text_of(random, 6)}).encode())

    async def remember() -> None:
        body = json.dumps({"content": text_of(random, 20)}).encode()
        await client.post("/memory/remember", f"writer-{random.randrange(100)}", body)

    return {"recall": recall, "remember": remember}[operation]


def _rows(runs: Mapping[tuple[str, str], list[Measured]], names: list[str]) -> Iterator[tuple[str, ...]]:
    yield ("operation", "kind", "p50 ms", "per second", "native's, of it", "wanted")
    for operation in ("recall", "remember"):
        for name in names:
            these, native = runs[operation, name], runs[operation, _NATIVE]
            times = statistics.median(this.p50 / that.p50 for this, that in zip(these, native, strict=True))
            share = statistics.median(this.rate / that.rate for this, that in zip(these, native, strict=True))
            told = f"{times:.2f} times the time" if operation == "recall" else f"{share:.2f} of the rate"
            wanted = f"<= {_RECALL}" if operation == "recall" else f">= {_REMEMBER}" if name.startswith("redis") else ""
            yield (
                operation,
                name,
                f"{statistics.median(one.p50 for one in these):.1f}",
                f"{statistics.median(one.rate for one in these):.0f}",
                *((told, wanted) if name != _NATIVE else ("", "")),
            )


async def _remember_many(port: int, memories: Mapping[str, int]) -> float:
    """Store so many memories of each user in batches, and return how many a second were stored."""
    random, client = Random(1), await HttpClient.connect(port)
    seconds = 0.0
    for user, count in memories.items():
        for _ in range(count // BATCH):
            body = json.dumps({"memories": [{"content": text_of(random, 20)} for _ in range(BATCH)]}).encode()
            started = perf_counter()
            await client.post("/memory/remember/batch", user, body)
            seconds += perf_counter() - started
    client.close()
    return sum(memories.values()) / seconds


async def _fill_newcomers(ports: Mapping[str, int], service: Service, kinds: list[Kind]) -> None:
    settings = SqliteJournalSettings(path=service.folder / "journal.sqlite3")
    rows = [("kind", "filled/s", "remember_many/s", "share", "wanted")]
    async with settings.open(host_for()) as journal:
        for kind in kinds:
            rates = list[tuple[float, float]]()
            for name in kind.newcomers:
                stored = await _remember_many(ports[kind.name], _FILLED)
                await _order(service, _NATIVE, name)
                rates.append((await _filled(journal, name), stored))
                await _order(service, _NATIVE)
            if rates:
                filled, stored = (statistics.median(column) for column in zip(*rates, strict=True))
                share = statistics.median(one / other for one, other in rates)
                rows.append((kind.name, f"{filled:.0f}", f"{stored:.0f}", f"{share:.2f}", f">= {_FILL}"))
    print(f"\n{NEWCOMERS} newcomers are filled with {USERS * OF_EACH} memories of {USERS} users:")
    table(iter(rows))


async def _order(service: Service, *order: str) -> None:
    async with httpx.AsyncClient(trust_env=False, timeout=30) as http:
        answer = await http.put(f"{service.url}/admin/providers/order", json={"order": order})
    answer.raise_for_status()


async def _filled(journal: Journal, name: str) -> float:
    """Wait until a newcomer has everything, and return how many memories a second were copied, user by user."""
    seen: list[tuple[float, int]] = []
    while True:
        member = {member.name: member for member in await journal.members()}.get(name)
        if member is not None and (not seen or member.copied > seen[-1][1]):
            seen.append((perf_counter(), member.copied))
        if member is not None and member.state == "complete":
            break
        await asyncio.sleep(_POLL)
    (began, first), (ended, last) = next(one for one in seen if one[1]), seen[-1]
    return (last - first) / (ended - began)


def _port_of(service: Service) -> int:
    return int(service.url.rpartition(":")[2])
