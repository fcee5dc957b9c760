"""Stores and journals change behind the back of the real service, and nothing that changed is believed."""

import asyncio
import contextlib
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest

from providers.native.embedded import EmbeddedServer
from tests.support.following import eventually
from tests.support.postgres import connected, create_database, reachable_folder
from tests.support.rollback import copied, put_back
from tests.support.service import NINAI, Service, environment, ninai, running_service

USER = {"X-User-ID": "kannan"}
REFUSED_SECONDS = 60.0
NOTICED_SECONDS = 30.0


@pytest.fixture
def folder() -> Iterator[Path]:
    """A folder for the service, which outlives it."""
    with reachable_folder() as made:
        yield made


async def new_store(server: EmbeddedServer) -> str:
    """Make a database with a name of its own: copies of the template have the same."""
    dsn = await create_database(server)
    async with connected(dsn) as connection:
        await connection.execute("UPDATE ninai_store SET id = gen_random_uuid()")
    return dsn


def natives(**dsns: str) -> dict[str, str]:
    """Return the variables of native providers without vectors, and of an order of all of them."""
    variables = {"NINAI__ORDER": ",".join(dsns)}
    for name, dsn in dsns.items():
        table = f"NINAI__PROVIDERS__{name.upper()}__"
        variables |= {f"{table}KIND": "native", f"{table}DSN": dsn, f"{table}EMBEDDER__KIND": "none"}
    return variables


@contextlib.contextmanager
def calling(service: Service) -> Iterator[httpx.Client]:
    """A client of one user."""
    with httpx.Client(base_url=service.url, headers=USER, trust_env=False, timeout=15) as http:
        yield http


def remember(http: httpx.Client, *contents: str) -> list[str]:
    """Store memories, and return their ids."""
    answers = [http.post("/memory/remember", json={"content": content}) for content in contents]
    assert {answer.status_code for answer in answers} <= {200, 201, 202}, [answer.text for answer in answers]
    return [answer.json()["memory_id"] for answer in answers]


def listed(http: httpx.Client) -> tuple[list[str], httpx.Headers]:
    """Return what is found, and how sure the answer is."""
    answer = http.get("/memory/memories")
    assert answer.status_code == 200, answer.text
    return sorted(memory["content"] for memory in answer.json()["memories"]), answer.headers


def providers_of(service: Service) -> dict[str, dict[str, Any]]:
    """Return what the admin API says about each provider."""
    answer = httpx.get(f"{service.url}/admin/providers", trust_env=False).json()
    return {provider["name"]: provider for provider in answer["providers"]}


async def complete(service: Service, *names: str) -> None:
    """Wait until these have received everything, and nothing is pending there."""

    async def is_complete() -> bool:
        found = await asyncio.to_thread(providers_of, service)
        return all(found[name]["role"] in {"home", "standby"} and found[name]["pending"] == 0 for name in names)

    await eventually(is_complete, NOTICED_SECONDS)


async def marked(service: Service, name: str) -> None:
    """Wait until a store has a mark that it has not now, which tells what was written before from what comes after."""
    before = providers_of(service)[name]["mark"]

    async def has_another() -> bool:
        return bool((await asyncio.to_thread(providers_of, service))[name]["mark"] > before)

    await eventually(has_another, NOTICED_SECONDS)


async def watch(service: Service, seen: list[tuple[str | None, str]]) -> None:
    """Look at the memories all the time, and note how sure each answer is."""
    async with httpx.AsyncClient(base_url=service.url, headers=USER, trust_env=False, timeout=15) as http:
        while True:
            headers = (await http.get("/memory/memories")).headers
            seen.append((headers.get("memory-degraded"), headers.get("memory-consistency", "unknown")))
            await asyncio.sleep(0.02)


def refused_start(folder: Path, variables: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Start the service where it must not start, and return how it ended."""
    return subprocess.run(  # noqa: S603 - our own command
        [NINAI, "serve", "--port", "0", "--data-dir", folder / "data"],
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=REFUSED_SECONDS,
        check=False,
    )


@pytest.mark.thorough
async def test_a_newcomer_first_in_the_order_is_not_believed(postgres_server: EmbeddedServer, folder: Path) -> None:
    """A restart with an empty store before the one that holds memories shows all of them."""
    native, second = [await new_store(postgres_server) for _ in range(2)]
    contents = [f"memory {number}" for number in range(5)]
    with running_service(folder, natives(native=native)) as service, calling(service) as http:
        ids = remember(http, *contents)
        service.terminate()

    with running_service(folder, natives(second=second, native=native)) as service, calling(service) as http:
        found, headers = listed(http)
        got = http.get(f"/memory/memories/{ids[0]}")

    assert (found, headers["memory-provider"]) == (contents, "native")
    assert got.status_code == 200


@pytest.mark.soak
async def test_a_home_that_is_put_back_is_healed(postgres_server: EmbeddedServer, folder: Path) -> None:
    """What was acknowledged since the copy is found within seconds, and what was deleted since stays deleted."""
    home, standby = [await new_store(postgres_server) for _ in range(2)]
    with running_service(folder, natives(home=home, standby=standby)) as service, calling(service) as http:
        await complete(service, "home", "standby")
        [deleted] = remember(http, "to be deleted")
        copy = await copied(postgres_server, home)
        remember(http, "after the copy")
        assert http.delete(f"/memory/memories/{deleted}").status_code == 200
        await marked(service, "home")
        await put_back(postgres_server, home, copy)

        async def noticed() -> bool:
            return await asyncio.to_thread(lambda: providers_of(service)["home"]["epoch"] > 1)

        seconds = await eventually(noticed, NOTICED_SECONDS)
        during = listed(http)
        await complete(service, "home", "standby")
        after = listed(http)

    assert seconds < 10
    assert during[0] == ["after the copy"]
    assert (after[0], after[1]["memory-provider"]) == (["after the copy"], "home")
    assert after[1]["memory-consistency"] == "strong"


@pytest.mark.thorough
async def test_the_only_store_that_is_put_back_serves_marked(postgres_server: EmbeddedServer, folder: Path) -> None:
    """It says that it was restored until the journal has delivered again what it retains."""
    only = await new_store(postgres_server)
    variables = natives(native=only) | {"NINAI__JOURNAL__KIND": "sqlite"}
    with running_service(folder, variables) as service, calling(service) as http:
        [deleted] = remember(http, "to be deleted")
        await marked(service, "native")
        copy = await copied(postgres_server, only)
        remember(http, "after the copy")
        assert http.delete(f"/memory/memories/{deleted}").status_code == 200
        await marked(service, "native")
        seen: list[tuple[str | None, str]] = []
        watching = asyncio.create_task(watch(service, seen))
        await put_back(postgres_server, only, copy)

        async def strong_again() -> bool:
            return ("restored", "eventual") in seen and seen[-1] == (None, "strong")

        await eventually(strong_again, NOTICED_SECONDS)
        watching.cancel()
        found = listed(http)[0]
        metrics = service.metrics()

    assert found == ["after the copy"]
    assert 'ninai_store_events_total{event="rolled_back",provider="native"} 1.0' in metrics


@contextlib.asynccontextmanager
async def taking_nothing(dsn: str) -> AsyncIterator[Callable[[], Awaitable[bool]]]:
    """Let a database show what it holds, and keep every write waiting; yield the question whether one waits."""
    async with connected(dsn) as connection, connection.transaction():
        await connection.execute("LOCK TABLE ninai_memories IN EXCLUSIVE MODE")

        async def keeps_waiting() -> bool:
            return bool(await connection.fetchval("SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted)"))

        yield keeps_waiting


@pytest.mark.thorough
async def test_a_source_that_is_exchanged_makes_nobody_complete(postgres_server: EmbeddedServer, folder: Path) -> None:
    """A newcomer that is being filled waits until the store is back that has everything."""
    home, standby, other = [await new_store(postgres_server) for _ in range(3)]
    with running_service(folder, natives(home=home) | {"NINAI__JOURNAL__KIND": "sqlite"}) as service:
        with calling(service) as http:
            remember(http, "one", "two")
        await marked(service, "home")
        service.terminate()
    right, wrong = await copied(postgres_server, home), await copied(postgres_server, other)

    async with contextlib.AsyncExitStack() as locked:
        await locked.enter_async_context(taking_nothing(standby))  # until the source is another one
        with running_service(folder, natives(home=home, standby=standby)) as service, calling(service) as http:
            await put_back(postgres_server, home, wrong)

            async def refused() -> bool:
                told = (await asyncio.to_thread(providers_of, service))["home"]["reason"]
                return told is not None and "another store" in told

            await eventually(refused, NOTICED_SECONDS)
            await locked.aclose()
            meanwhile = http.get("/memory/memories").status_code, providers_of(service)["standby"]["role"]
            await put_back(postgres_server, home, right)
            await complete(service, "home", "standby")
            found, headers = listed(http)

    assert meanwhile == (503, "filling")
    assert (found, headers["memory-consistency"]) == (["one", "two"], "strong")


@pytest.mark.thorough
async def test_a_caller_that_leaves_leaves_no_lease(postgres_server: EmbeddedServer, folder: Path) -> None:
    """Home confirms the write when nobody waits for it any more; it is stored once, and nothing is pending."""
    home = await new_store(postgres_server)
    with running_service(folder, natives(home=home) | {"NINAI__JOURNAL__KIND": "sqlite"}) as service:
        async with (
            taking_nothing(home) as keeps_waiting,
            httpx.AsyncClient(base_url=service.url, trust_env=False) as http,
        ):
            headers = USER | {"Prefer": "wait=20"}
            request = asyncio.create_task(http.post("/memory/remember", json={"content": "kept"}, headers=headers))
            await eventually(keeps_waiting, NOTICED_SECONDS)
            request.cancel()
            await asyncio.gather(request, return_exceptions=True)
        await complete(service, "home")
        with calling(service) as caller:
            found, facts = listed(caller)

    assert (found, facts["memory-consistency"]) == (["kept"], "strong")


@pytest.mark.soak
async def test_a_journal_that_is_gone_is_not_replaced_in_silence(postgres_server: EmbeddedServer, folder: Path) -> None:
    """The service refuses to start and names the way on, which merges the stores."""
    home, standby = [await new_store(postgres_server) for _ in range(2)]
    variables = natives(home=home, standby=standby)
    with running_service(folder, variables) as service, calling(service) as http:
        remember(http, "kept")
        await marked(service, "home")
        service.terminate()
    for file in (folder / "data").glob("journal.sqlite3*"):
        file.unlink()

    refused = await asyncio.to_thread(refused_start, folder, variables)
    data = ("--data-dir", folder / "data")
    planned = await asyncio.to_thread(ninai, "journal", "adopt", *data, **variables)
    adopted = await asyncio.to_thread(ninai, "journal", "adopt", "--yes", *data, **variables)
    with running_service(folder, variables) as service, calling(service) as http:
        first = listed(http)
        await complete(service, "home", "standby")
        last = listed(http)

    assert (refused.returncode, "`ninai journal adopt`" in refused.stderr) == (2, True), refused.stderr
    assert len(refused.stderr.strip().splitlines()) == 1, refused.stderr
    assert (planned.returncode, planned.stdout.splitlines()[0][-20:]) == (2, "takes over 2 stores:")
    assert adopted.returncode == 0, adopted.stderr
    assert "home: holds memories; belonged to journal " in adopted.stdout
    assert first[0] == last[0] == ["kept"]
    assert last[1]["memory-consistency"] == "strong"


@pytest.mark.soak
async def test_two_hosts_do_not_share_a_name(postgres_server: EmbeddedServer, folder: Path) -> None:
    """The second process that sees another store under a name refuses to start, and the first goes on."""
    mine, theirs, journal = [await new_store(postgres_server) for _ in range(3)]
    shared = {"NINAI__JOURNAL__KIND": "postgres", "NINAI__JOURNAL__DSN": journal}
    (folder / "first").mkdir()
    with running_service(folder / "first", natives(native=mine) | shared) as service, calling(service) as http:
        remember(http, "of the first")
        refused = await asyncio.to_thread(refused_start, folder / "second", natives(native=theirs) | shared)
        found, headers = listed(http)
        role = providers_of(service)["native"]["role"]

    assert refused.returncode not in {0, None}
    assert "another store" in refused.stderr
    assert (found, headers["memory-consistency"], role) == (["of the first"], "strong", "home")
