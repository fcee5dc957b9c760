"""Alive, ready and healthy: what is told while the database is there, and while it is not."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest
import pytest_asyncio

from app.process.warm_up import AGAIN_SECONDS
from providers.chain.last_resort import REFUSED_SECONDS
from providers.native.embedded import EmbeddedServer, wheel_binaries
from tests.faults.disk import small_disk
from tests.support.api import ABSENT_ID, Api, asgi_client, fresh_user, problem_in, running_app
from tests.support.chains import two_providers
from tests.support.postgres import reachable_folder

READS_AND_WRITES = [
    ("POST", "/memory/remember", {"content": "tea"}),
    ("POST", "/memory/remember/batch", {"memories": [{"content": "tea"}]}),
    ("POST", "/memory/recall", {"query": "tea"}),
    ("GET", "/memory/memories", None),
    ("GET", f"/memory/memories/{ABSENT_ID}", None),
    ("PATCH", f"/memory/memories/{ABSENT_ID}", {"content": "tea"}),
    ("DELETE", f"/memory/memories/{ABSENT_ID}", None),
]


class Switch:
    """A database that can be turned on and off; its address stays."""

    def __init__(self, folder: Path, major: int) -> None:
        self._server = EmbeddedServer(folder / "postgres", wheel_binaries(major))
        self._running = ExitStack()
        self.dsn = self._server.dsn

    def on(self) -> None:
        """Start it."""
        self._running.enter_context(self._server.running())

    def off(self) -> None:
        """Stop it, and every connection to it."""
        self._running.close()


@pytest.fixture(scope="module")
def switch(postgres_major: int) -> Iterator[Switch]:
    """A database of this module's own, turned off."""
    with reachable_folder() as folder:
        database = Switch(folder, postgres_major)
        yield database
        database.off()


@pytest_asyncio.fixture(scope="module")
async def client(switch: Switch) -> AsyncIterator[Api]:
    """A client of an application that was started while its database was off."""
    environ = {"DATABASE_URL": switch.dsn, "NINAI__PROVIDERS__NATIVE__TIMEOUT": "3"}
    async with running_app(environ) as app, asgi_client(app) as http:
        yield Api(http, fresh_user())


async def ready(client: Api) -> None:
    """Wait until it is: a service that has just been started warms up first."""
    while (await client.request("GET", "/readyz")).status_code != 200:  # noqa: ASYNC110 - nobody tells
        await asyncio.sleep(AGAIN_SECONDS)


async def assert_out_of_order(client: Api) -> None:
    """Check all that is told while the database is off."""
    livez, readyz, health = [await client.request("GET", path) for path in ("/livez", "/readyz", "/memory/health")]
    assert (livez.status_code, livez.json()) == (200, {"alive": True})
    assert (readyz.status_code, health.status_code) == (503, 503)
    assert (readyz.json()["ready"], readyz.json()["providers"]["native"]["healthy"]) == (False, False)
    told = health.json()
    assert told["error"]
    assert {**told, "error": ""} == {
        "healthy": False,
        "provider": "PostgresMemoryProvider",
        "error": "",
        "database_connection": "unhealthy",
        "pgvector_available": False,
    }
    for method, path, body in READS_AND_WRITES:
        response = await client.request(method, path, json=body)
        if path.endswith("/batch") and response.status_code == 200:
            [problem] = [result["problem"] for result in response.json()["results"]]
        else:
            problem = problem_in(response)
            assert int(response.headers["retry-after"]) >= 1
        assert (problem["status"], problem["type"]) == (503, "urn:ninai:problem:unavailable")
        assert "memory-provider" not in response.headers  # nobody answered


@pytest.mark.thorough
async def test_the_service_outlives_its_database(switch: Switch, client: Api) -> None:
    """Started before its database, it waits for it; while that is away it says so, and afterwards all is there."""
    await assert_out_of_order(client)

    switch.on()
    await asyncio.sleep(REFUSED_SECONDS)  # for so long a refused connection answers for all
    memory_id = await client.stored("tea")
    await ready(client)

    switch.off()
    await assert_out_of_order(client)

    switch.on()
    await asyncio.sleep(REFUSED_SECONDS)
    assert (await client.get(memory_id)).json()["content"] == "tea"
    await client.stored("coffee")
    assert (await client.recalled("tea"))[0] == "tea"
    assert (await client.request("GET", "/readyz")).status_code == 200


async def test_a_healthy_provider_tells_about_itself(api: Api) -> None:
    """Health names the provider, how long it took to ask, and how many memories there are."""
    await api.stored("tea")

    response = await api.request("GET", "/memory/health")

    told = response.json()
    assert response.status_code == 200
    assert told["total_memories"] >= 1
    assert told["response_time_ms"] > 0
    assert told == {
        "healthy": True,
        "provider": "PostgresMemoryProvider",
        "response_time_ms": told["response_time_ms"],
        "database_connection": "healthy",
        "pgvector_available": True,
        "total_memories": told["total_memories"],
    }


async def test_readiness_tells_each_provider(mock_api: Api) -> None:
    """Readiness holds the health of the provider under its name."""
    response = await mock_api.request("GET", "/readyz")

    told = response.json()
    count = told["providers"]["mock"]["total_memories"]
    assert response.status_code == 200
    assert told == {
        "ready": True,
        "leaving": False,
        "mode": "read_write",
        "providers": {"mock": {"healthy": True, "provider": "MockMemoryProvider", "total_memories": count}},
    }


async def test_being_alive_asks_nobody(api: Api) -> None:
    """Liveness is about the process alone, so that no restart is caused by a database."""
    response = await api.request("GET", "/livez")

    assert (response.status_code, response.json()) == (200, {"alive": True})
    assert "memory-provider" not in response.headers


async def test_health_sees_a_journal_that_takes_nothing(tmp_path: Path) -> None:
    """Its disk is full: reads are answered, and why writes are refused is told until there is room."""
    with small_disk(tmp_path / "disk", 4) as disk:
        async with running_app(two_providers(disk.folder)) as app, asgi_client(app) as http:
            before = await http.get("/memory/health")
            disk.fill()
            full = await http.get("/memory/health")
            write = await Api(http, fresh_user()).remember("tea")
            disk.empty()
            after = await http.get("/memory/health")

    assert "journal_error" not in before.json()
    assert (full.status_code, write.status_code) == (200, 503)
    assert "full" in full.json()["journal_error"]
    assert "journal_error" not in after.json()
