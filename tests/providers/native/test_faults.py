"""Real faults of a real server: what a caller is told, and that service resumes by itself."""

import asyncio
import contextlib
import random
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4

import pytest
from sqlalchemy import make_url

from providers.errors import Misconfigured, TimedOut, Unavailable
from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.native.engine import open_engine
from providers.timing import time_limit
from tests.support.faults import (
    cancel_statements,
    end_sessions,
    end_waiting_sessions,
    hanging,
    kill,
    served_again,
    waits_for_lock,
)
from tests.support.native import open_native_provider
from tests.support.postgres import (
    connected,
    create_database,
    make_template,
    reachable_folder,
)

LIMIT = 0.5  # seconds
GRACE = 0.25  # seconds over the limit that a busy machine may need


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Where the server of these tests lives."""
    with reachable_folder() as path:
        yield path / "postgres"


@pytest.fixture(scope="module")
async def own_server(folder: Path, postgres_major: int) -> AsyncIterator[EmbeddedServer]:
    """A server that a test may stop."""
    with EmbeddedServer(folder, wheel_binaries(postgres_major)).running() as server:
        await make_template(server)
        yield server


@pytest.fixture
async def own_database(own_server: EmbeddedServer) -> str:
    """A database on the server that a test may stop."""
    return await create_database(own_server)


@contextlib.asynccontextmanager
async def row_held(dsn: str, user: str, memory_id: str) -> AsyncIterator[None]:
    """Hold the row of a memory that is not there yet, so that whoever stores it waits; then leave it free."""
    async with connected(dsn) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO ninai_memories (user_id, id, version, deleted_at) VALUES ($1, $2, 1, now())",
            user,
            UUID(memory_id),
        )
        yield
        if not connection.is_closed():
            await transaction.rollback()


@pytest.mark.thorough
async def test_a_server_that_hangs_costs_no_more_than_the_limit(own_server: EmbeddedServer, own_database: str) -> None:
    """Every call ends with a timeout in time, new connections and old ones alike, and then service resumes."""
    async with open_native_provider(own_database, timeout=LIMIT, pool_size=3) as provider:
        memory_id = await provider.remember("anna", "tea")
        with hanging(own_server):
            trials: list[tuple[bool, list[Coroutine[Any, Any, object]]]] = [
                (False, [provider.get("anna", memory_id) for _ in range(2)]),
                (True, [provider.remember("anna", "tea") for _ in range(2)]),
                (False, [provider.recall("anna", "tea") for _ in range(5)]),
            ]
            for ambiguous, calls in trials:
                started = time.monotonic()
                answers = await asyncio.gather(*calls, return_exceptions=True)

                assert time.monotonic() - started < LIMIT + GRACE
                assert all(isinstance(answer, Unavailable) for answer in answers)
                assert any(isinstance(answer, TimedOut) for answer in answers)
                assert all(not answer.ambiguous or ambiguous for answer in answers if isinstance(answer, Unavailable))
            assert (await provider.health_check()).healthy is False

        await served_again(provider, "anna")
        assert await asyncio.gather(*(provider.get("anna", memory_id) for _ in range(10)))


async def test_a_server_that_hangs_does_not_hold_up_the_end(own_server: EmbeddedServer, own_database: str) -> None:
    """A provider closes within a few seconds while its server answers nothing."""
    async with contextlib.AsyncExitStack() as stack:
        async with open_native_provider(own_database, timeout=LIMIT, pool_size=4) as provider:
            # Each on a connection of its own; a busy machine may need longer than the limit to make it.
            await asyncio.gather(*(served_again(provider, "anna") for _ in range(4)))
            stack.enter_context(hanging(own_server))
            with pytest.raises(TimedOut):
                await provider.list_memories("anna")
            started = time.monotonic()
        assert time.monotonic() - started < 3


async def test_a_server_that_hangs_at_the_start_is_waited_for(own_server: EmbeddedServer, own_database: str) -> None:
    """Who opens a provider while the server hangs gets timeouts, and service once it goes on."""
    async with open_native_provider(own_database, timeout=LIMIT) as provider:
        with hanging(own_server):
            for _ in range(3):
                with pytest.raises(TimedOut):
                    await provider.list_memories("anna")
        await served_again(provider, "anna")


@pytest.mark.thorough
async def test_a_server_that_was_killed_serves_again(postgres_major: int) -> None:
    """While the server is dead every call is unavailable; after its return service resumes, nothing stored is lost."""
    with reachable_folder() as folder:
        server = EmbeddedServer(folder / "postgres", wheel_binaries(postgres_major))
        async with open_native_provider(server.dsn) as provider:
            with server.running():
                memory_id = await provider.remember("anna", "tea")
                await asyncio.gather(*(provider.get("anna", memory_id) for _ in range(10)))
                kill(server)
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await provider.get("anna", memory_id)
            with pytest.raises(Unavailable) as refusal:
                await provider.remember("anna", "coffee")
            assert refusal.value.ambiguous is False

            with server.running():
                await served_again(provider, "anna")
                assert (await provider.get("anna", memory_id)).content == "tea"


async def test_sessions_that_ended_meanwhile_cost_no_request(postgres_server: EmbeddedServer, database: str) -> None:
    """After all idle sessions were ended, as by a restart, no request fails: dead connections are not lent."""
    async with open_native_provider(database, pool_size=5) as provider:
        await asyncio.gather(*(provider.recall("anna", "tea") for _ in range(20)))
        assert await end_sessions(postgres_server, database) >= 5
        await asyncio.sleep(0.05)

        await asyncio.gather(*(provider.remember("anna", "tea") for _ in range(10)))
        assert len(await provider.list_memories("anna")) == 10


async def test_a_session_ended_in_a_write_leaves_doubt(postgres_server: EmbeddedServer, database: str) -> None:
    """When the server ends the session in the middle of a write, the error says that it may have happened."""
    memory_id = str(uuid4())
    async with open_native_provider(database) as provider:
        await provider.list_memories("anna")
        async with row_held(database, "anna", memory_id):
            write = asyncio.create_task(provider.remember("anna", "tea", memory_id=memory_id))
            await waits_for_lock(postgres_server, database)
            assert await end_waiting_sessions(postgres_server, database) == 1
            with pytest.raises(Unavailable) as refusal:
                await write
        assert refusal.value.ambiguous is True

        await served_again(provider, "anna")
        assert await provider.remember("anna", "tea", memory_id=memory_id) == memory_id


async def test_a_cancelled_statement_is_a_timeout(postgres_server: EmbeddedServer, database: str) -> None:
    """A statement that an administrator cancels surely did not happen, and its connection is as good as before."""
    memory_id = str(uuid4())
    async with open_native_provider(database) as provider:
        await provider.list_memories("anna")
        async with row_held(database, "anna", memory_id):
            write = asyncio.create_task(provider.remember("anna", "tea", memory_id=memory_id))
            await waits_for_lock(postgres_server, database)
            assert await cancel_statements(postgres_server, database) == 1
            with pytest.raises(TimedOut) as refusal:
                await write
        assert refusal.value.ambiguous is False
        assert await provider.list_memories("anna") == []


async def test_a_write_that_waits_too_long_times_out(database: str) -> None:
    """A write that meets a lock ends within the limit, in doubt, and its statement ends with it on the server."""
    memory_id = str(uuid4())
    async with open_native_provider(database, timeout=LIMIT) as provider, connected(database) as observer:
        await provider.list_memories("anna")
        async with row_held(database, "anna", memory_id):
            started = time.monotonic()
            with pytest.raises(TimedOut) as refusal:
                await provider.remember("anna", "tea", memory_id=memory_id)
            assert time.monotonic() - started < LIMIT + GRACE
            assert refusal.value.ambiguous is True
            await asyncio.sleep(0.2)
            running = (
                "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%INSERT INTO ninai%' AND state = 'active'"
            )
            assert await observer.fetchval(f"{running} AND pid <> pg_backend_pid()") == 0
        assert await provider.remember("anna", "tea", memory_id=memory_id) == memory_id


async def test_a_wrong_database_is_misconfigured(postgres_server: EmbeddedServer) -> None:
    """A database that does not exist is the operator's to mend, and the error says which."""
    dsn = make_url(postgres_server.dsn).set(database="nowhere").render_as_string(hide_password=False)
    async with open_native_provider(dsn) as provider:
        with pytest.raises(Misconfigured, match=r'database "nowhere" does not exist.*create the database'):
            await provider.list_memories("anna")
        health = await provider.health_check()
        assert (health.healthy, health.error and "nowhere" in health.error) == (False, True)


@pytest.mark.parametrize(
    "dsn",
    [
        "postgresql+asyncpg://ninai@localhost:1/ninai",
        "postgresql+asyncpg://ninai@/ninai?host=/nonexistent",
        "postgresql+asyncpg://ninai@nowhere.invalid/ninai",
    ],
)
async def test_a_server_that_is_not_there_is_unavailable(dsn: str) -> None:
    """Neither a closed port nor a missing socket nor an unknown name is more than an outage."""
    async with open_native_provider(dsn) as provider:
        with pytest.raises(Unavailable) as refusal:
            await provider.remember("anna", "tea")
        assert refusal.value.ambiguous is False


async def test_another_service_on_the_port_is_unavailable() -> None:
    """Whatever else answers instead of PostgreSQL, the error is ours."""

    async def greet(_reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 400 Bad Request\r\n\r\n")
        await writer.drain()
        writer.close()

    async with await asyncio.start_server(greet, "127.0.0.1", 0) as other:
        port = other.sockets[0].getsockname()[1]
        async with open_native_provider(f"postgresql+asyncpg://ninai@127.0.0.1:{port}/ninai?ssl=disable") as provider:
            with pytest.raises(Unavailable):
                await provider.list_memories("anna")


@contextlib.asynccontextmanager
async def guest_of(administrator: Any, database: str) -> AsyncIterator[str]:  # noqa: ANN401 - asyncpg has no types
    """The dsn of a role that is nobody special, for whom limits of connections count."""
    name = make_url(database).database
    guest = f"guest_{uuid4().hex}"
    await administrator.execute(f"CREATE ROLE {guest} LOGIN")
    await administrator.execute(f"GRANT ALL ON DATABASE {name} TO {guest}")
    async with connected(database) as owner:
        await owner.execute(f"GRANT ALL ON ALL TABLES IN SCHEMA public TO {guest}")
    yield make_url(database).set(username=guest).render_as_string(hide_password=False)
    await administrator.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
    await administrator.execute(f"REVOKE ALL ON DATABASE {name} FROM {guest}")
    async with connected(database) as owner:
        await owner.execute(f"DROP OWNED BY {guest}")
    await administrator.execute(f"DROP ROLE {guest}")


async def test_too_many_connections_are_unavailable(postgres_server: EmbeddedServer, database: str) -> None:
    """A server that takes no more connections is unavailable, surely without a write, and serves once it takes some."""
    name = make_url(database).database
    async with connected(postgres_server.dsn) as administrator, guest_of(administrator, database) as dsn:
        await administrator.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 0")
        async with open_native_provider(dsn) as provider:
            with pytest.raises(Unavailable, match="53300") as refusal:
                await provider.remember("anna", "tea")
            assert refusal.value.ambiguous is False
            await administrator.execute(f"ALTER DATABASE {name} CONNECTION LIMIT -1")
            await provider.remember("anna", "tea")


async def test_whoever_gets_no_connection_has_surely_written_nothing(database: str) -> None:
    """A full pool is waited for as long as the operation may last, and then the answer is certain."""
    memory_id = str(uuid4())
    async with open_native_provider(database, timeout=LIMIT, pool_size=1) as provider:
        patient = time_limit.hand_down(60 * LIMIT)  # for the first statement, which a busy server plans for long
        await provider.list_memories("anna")
        time_limit.ends_at.reset(patient)
        async with row_held(database, "anna", memory_id):
            more = time_limit.hand_down(2 * LIMIT)  # for the task that has the connection
            holder = asyncio.create_task(provider.remember("anna", "tea", memory_id=memory_id))
            time_limit.ends_at.reset(more)
            await asyncio.sleep(0.05)
            with pytest.raises(TimedOut) as refusal:
                await provider.delete("anna", str(uuid4()))
            assert refusal.value.ambiguous is False
            with pytest.raises(TimedOut):
                await holder


async def test_where_the_server_gives_no_further_connection_those_there_are_serve(
    postgres_server: EmbeddedServer, database: str
) -> None:
    """Whoever finds no free one waits for it, as with a full pool, instead of being refused."""
    name = make_url(database).database
    async with (
        connected(postgres_server.dsn) as administrator,
        guest_of(administrator, database) as dsn,
        open_native_provider(dsn, pool_size=5) as provider,
    ):
        await provider.list_memories("anna")
        await administrator.execute(f"ALTER DATABASE {name} CONNECTION LIMIT 1")
        answers = await asyncio.gather(*(provider.list_memories("anna") for _ in range(8)))

    assert answers == [[]] * 8


async def test_a_read_only_database_is_unavailable_for_writes(postgres_server: EmbeddedServer, database: str) -> None:
    """A database that takes no writes is an outage for writes, which surely did not happen, and answers reads."""
    async with open_native_provider(database) as provider:
        memory_id = await provider.remember("anna", "tea")
        async with connected(postgres_server.dsn) as administrator:
            name = make_url(database).database
            await administrator.execute(f"ALTER DATABASE {name} SET default_transaction_read_only = on")
    async with open_native_provider(database) as provider:
        for write in (
            provider.remember("anna", "coffee"),
            provider.update("anna", memory_id, content="coffee"),
            provider.delete("anna", memory_id),
        ):
            with pytest.raises(Unavailable, match="25006") as refusal:
                await write
            assert refusal.value.ambiguous is False
        assert (await provider.get("anna", memory_id)).content == "tea"


async def test_broken_off_calls_leave_no_connection_behind(database: str) -> None:
    """However often and wherever calls are broken off, the only connection of the pool comes back whole."""
    chance = random.Random(7)  # noqa: S311 - the same moments every run
    async with open_native_provider(database, pool_size=1) as provider:
        memory_id = await provider.remember("anna", "tea", {"a": 1})
        calls: list[Callable[[], Coroutine[Any, Any, object]]] = [
            lambda: provider.get("anna", memory_id),
            lambda: provider.recall("anna", "tea"),
            lambda: provider.remember("anna", "tea", {"a": 1}, memory_id=memory_id),
            lambda: provider.update("anna", memory_id, metadata={"a": 1}),
            lambda: provider.delete("anna", str(uuid4())),
        ]
        for number in range(100):
            task = asyncio.create_task(calls[number % len(calls)]())
            await asyncio.sleep(chance.choice([0, 0.0005, 0.001, 0.002, 0.004, 0.008]) * chance.random())
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)

        assert (await provider.get("anna", memory_id)).content == "tea"
        async with connected(database) as observer:
            await asyncio.sleep(0.1)
            sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
            assert await observer.fetchval(f"{sessions} AND application_name = 'ninai'") == 1


async def test_many_opened_and_closed_at_once_leave_no_session(database: str) -> None:
    """A closed provider has given back every session of the server, even when closed in the middle of calls."""
    for _ in range(5):
        async with open_native_provider(database) as provider:
            calls = [asyncio.create_task(provider.recall("anna", "tea")) for _ in range(20)]
            await asyncio.sleep(0.01)
            for call in calls:
                call.cancel()
        await asyncio.gather(*calls, return_exceptions=True)

    async with connected(database) as observer:
        await asyncio.sleep(0.1)
        sessions = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database()"
        assert await observer.fetchval(f"{sessions} AND application_name = 'ninai'") == 0


async def test_a_pooler_gets_no_names(database: str) -> None:
    """For a transaction pooler no prepared statement is kept, and none has a name that a server might not know."""
    async with open_engine(database, pool_size=10, through_pooler=True) as engine, engine.connect() as connection:
        driver: Any = (await connection.get_raw_connection()).dbapi_connection
        assert driver._prepared_statement_name_func() == ""  # noqa: SLF001 - shown nowhere
        assert driver._prepared_statement_cache is None  # noqa: SLF001 - as above


async def test_everything_works_with_the_settings_for_a_pooler(database: str) -> None:
    """Without prepared statements and session settings the provider does all it does with them."""
    async with open_native_provider(database, pooler="pgbouncer", pool_size=2) as provider:
        memory_id = await provider.remember("anna", "tea", {"a": 1})
        await provider.update("anna", memory_id, content="masala tea")
        assert [hit.id for hit in await provider.recall("anna", "masala")] == [memory_id]
        assert await provider.delete("anna", memory_id) is True
