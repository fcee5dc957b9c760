"""What mem0 does when it, or the database below it, is not well: over the real library on a real PostgreSQL."""

import asyncio
import signal
from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio
from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer
from tests.support.mem0_oss import NIL, Asking, Mem0Process
from tests.support.postgres import connected, create_database, drop_database

AT_ONCE = 10.0  # seconds; it takes some hundredths of one


@pytest_asyncio.fixture
async def dsn(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database with nothing in it."""
    dsn = await create_database(postgres_server, "template1")
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest.mark.soak
async def test_it_can_be_stopped_killed_and_started_again(dsn: str) -> None:
    """Stopped it takes a call and answers none, killed it refuses, and started again it has what it had."""
    async with Mem0Process(dsn) as mem0, mem0.client() as client:
        asking = Asking(client)
        memory_id = await asking.added()
        mem0.pause()
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"/memories/{memory_id}", timeout=0.2)
        mem0.go_on()
        assert (await asking.get(memory_id))["memory"] == "tea"
        mem0.kill()
        with pytest.raises(httpx.ConnectError):
            await client.get(f"/memories/{memory_id}")
        await mem0.start()

        assert (await asking.get(memory_id))["memory"] == "tea"


@pytest.mark.soak
async def test_nothing_remains_of_it(dsn: str) -> None:
    """When the context ends the process is gone, even one that was stopped, and its port is free."""
    async with Mem0Process(dsn) as mem0:
        mem0.pause()

    assert mem0.process.poll() == -signal.SIGKILL
    async with mem0.client() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get("/")


@pytest.mark.soak
async def test_without_its_database_it_fails_at_once_and_then_late(dsn: str, postgres_server: EmbeddedServer) -> None:
    """The first call breaks its connection and is 502; the next waits, half a minute if need be, for another."""
    async with Mem0Process(dsn) as mem0, mem0.client() as client:
        await _let_in(postgres_server, dsn, "false")
        answer = await client.get(f"/memories/{NIL}", timeout=AT_ONCE)
        with pytest.raises(httpx.ReadTimeout):
            await client.get(f"/memories/{NIL}", timeout=2.0)
        await _let_in(postgres_server, dsn, "true")
        well = await client.get(f"/memories/{NIL}")

    assert (answer.status_code, answer.json()["code"]) == (502, "datastore_unavailable")
    assert well.status_code == 200


@pytest.mark.soak
async def test_it_waits_for_a_database_that_hangs(dsn: str) -> None:
    """It has no timeout of its own: what its caller has given up is stored when the database goes on."""
    async with Mem0Process(dsn) as mem0, mem0.client() as client, connected(dsn) as postgres:
        asking = Asking(client)
        async with postgres.transaction():
            await postgres.execute("LOCK TABLE memories")
            with pytest.raises(httpx.ReadTimeout):
                await asking.add(timeout=1.0)
        async with asyncio.timeout(AT_ONCE):
            while not await asking.listed():  # noqa: ASYNC110 - nobody tells when it is stored
                await asyncio.sleep(0.05)

        assert await asking.listed() == ["tea"]


@pytest.mark.soak
@pytest.mark.parametrize(("iterative_scan", "found"), [("off", 0), ("relaxed_order", 3)])
async def test_a_search_by_the_vector_index_can_miss_a_user(iterative_scan: str, found: int, dsn: str) -> None:
    """The index gives the 40 nearest of everybody, and the filter is for what is left: nothing, unless it scans on.

    PostgreSQL chooses the index by itself when there are many memories: seen with 50,000, not yet with 20,000.
    """
    async with connected(dsn) as postgres:
        for setting, value in {"enable_seqscan": "off", "hnsw.iterative_scan": iterative_scan}.items():
            await postgres.execute(f"ALTER DATABASE {make_url(dsn).database} SET {setting} = {value}")
    async with Mem0Process(dsn) as mem0, mem0.client() as client:
        everybody, one = Asking(client), Asking(client)
        for number in range(50):
            await everybody.add(f"green tea {number}")
        for number in range(3):
            await one.add(f"the capital of country {number}")

        assert len(await one.found("green tea", threshold=0)) == found
        assert len(await one.listed()) == 3


async def _let_in(server: EmbeddedServer, dsn: str, allowed: str) -> None:
    """Let connections to a database in or not, and end those there are."""
    name = make_url(dsn).database
    async with connected(server.dsn) as postgres:
        await postgres.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS {allowed}")
        await postgres.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", name)
