"""Under real faults of the journal's server a caller gets the right error, and the journal recovers by itself."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Appended, Done, JournalEntry
from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.owners import Owner
from tests.providers.journal.postgres_rig import answers_again, memory_held, opened
from tests.providers.journal.rig import USER, due, entries, put, remember
from tests.support.faults import (
    cancel_statements,
    end_sessions,
    end_waiting_sessions,
    hanging,
    kill,
    waits_for_lock,
)
from tests.support.postgres import create_database, make_template, reachable_folder

LIMIT = 0.5  # seconds
GRACE = 0.35  # seconds over the limit that a busy machine may need


@pytest.fixture(scope="module")
def folder() -> Iterator[Path]:
    """Return the folder of the server of these tests."""
    with reachable_folder() as path:
        yield path / "postgres"


@pytest.fixture(scope="module")
async def own_server(folder: Path, postgres_major: int) -> AsyncIterator[EmbeddedServer]:
    """Return a server that a test may stop."""
    with EmbeddedServer(folder, wheel_binaries(postgres_major)).running() as server:
        await make_template(server)
        yield server


@pytest.fixture
async def own_database(own_server: EmbeddedServer) -> str:
    """Return a database on the server that a test may stop."""
    return await create_database(own_server)


async def read(journal: Journal) -> JournalEntry | None:
    """Ask for a memory that does not exist."""
    return await journal.newest(Owner(USER), "m")


@pytest.mark.thorough
async def test_a_server_that_was_killed_goes_on(postgres_major: int) -> None:
    """While the server is dead everything is unavailable and surely unwritten; then all that was appended is there."""
    with reachable_folder() as folder:
        server = EmbeddedServer(folder / "postgres", wheel_binaries(postgres_major))
        async with opened(server.dsn) as journal:
            with server.running():
                await answers_again(journal)
                await journal.join("home", None)
                entry = await put(journal, remember("m"))
                kill(server)
            for call in (journal.newest(Owner(USER), "m"), journal.append([remember()]), journal.lease("home", 1, 1)):
                with pytest.raises(JournalUnavailable) as refusal:
                    await call
                assert refusal.value.ambiguous is False

            with server.running():
                await answers_again(journal)
                assert await journal.newest(Owner(USER), "m") == entry
                assert await due(journal, "home") == [entry.seq]


@pytest.mark.thorough
async def test_a_settlement_outlives_an_outage(postgres_major: int) -> None:
    """Settlements made while the server was dead are written when it is back."""
    with reachable_folder() as folder:
        server = EmbeddedServer(folder / "postgres", wheel_binaries(postgres_major))
        async with opened(server.dsn) as journal:
            with server.running():
                await answers_again(journal)
                await journal.join("home", None)
                entry = await put(journal, remember("m"))
                kill(server)
            await journal.settle([Done(seq=entry.seq, provider="home")])
            with pytest.raises(JournalUnavailable):
                await journal.newest(Owner(USER), "m")

            with server.running():
                await answers_again(journal)
                for _ in range(50):
                    if not await entries(journal):
                        break
                    await asyncio.sleep(0.1)
                assert await entries(journal) == []


@pytest.mark.thorough
async def test_a_server_that_hangs_costs_no_more_than_the_limit(own_server: EmbeddedServer, own_database: str) -> None:
    """Every call ends in time, an append in doubt and a read without, and then the journal goes on."""
    async with opened(own_database, timeout=LIMIT, pool_size=3) as journal:
        await journal.join("home", None)
        await asyncio.gather(*(journal.newest(Owner(USER), "m") for _ in range(3)))
        await asyncio.sleep(0.1)
        with hanging(own_server):
            for ambiguous, call in ((True, lambda: journal.append([remember()])), (False, lambda: read(journal))):
                started = time.monotonic()
                answers = await asyncio.gather(*(call() for _ in range(5)), return_exceptions=True)

                assert time.monotonic() - started < LIMIT + GRACE
                assert all(isinstance(answer, JournalUnavailable) for answer in answers)
                assert any(getattr(answer, "ambiguous", None) for answer in answers) is ambiguous
        await answers_again(journal)
        await put(journal, remember("m"))


async def test_a_server_that_hangs_does_not_hold_up_the_end(own_server: EmbeddedServer, own_database: str) -> None:
    """A journal closes within a few seconds while its server answers nothing, whatever is still queued."""
    async with opened(own_database) as patient:  # the first statements of a new database take longer
        await patient.join("home", None)
    async with contextlib.AsyncExitStack() as stack:
        async with opened(own_database, timeout=LIMIT) as journal:
            entry = await put(journal, remember())
            stack.enter_context(hanging(own_server))
            await journal.settle([Done(seq=entry.seq, provider="home")])
            started = time.monotonic()
            with pytest.raises(JournalUnavailable):
                await journal.newest(Owner(USER), "m")
            assert time.monotonic() - started < 1.5 * LIMIT + GRACE
            started = time.monotonic()
        assert time.monotonic() - started < 4


async def test_a_server_that_is_not_there_keeps_nobody_from_opening(tmp_path: Path) -> None:
    """A journal opens without its server; it has no name then, and everything is surely undone."""
    started = time.monotonic()
    async with opened(f"postgresql+asyncpg://ninai@/ninai?host={tmp_path}") as journal:
        assert time.monotonic() - started < 2
        with pytest.raises(JournalUnavailable, match="not been reached"):
            _ = journal.id
        with pytest.raises(JournalUnavailable) as refusal:
            await journal.append([remember()])
        assert refusal.value.ambiguous is False
        await journal.wait(0)


async def test_a_session_ended_in_an_append_leaves_doubt(postgres_server: EmbeddedServer, database: str) -> None:
    """When the server ends the session in the middle of an append, the error says that it may have happened."""
    async with opened(database) as journal:
        await journal.join("home", None)
        async with memory_held(database, USER, "m"):
            append = asyncio.create_task(journal.append([remember("m")]))
            await waits_for_lock(postgres_server, database)
            assert await end_waiting_sessions(postgres_server, database) == 1
            with pytest.raises(JournalUnavailable) as refusal:
                await append
        assert refusal.value.ambiguous is True

        [answer] = await journal.append([remember("m")])
        assert isinstance(answer, Appended)


async def test_a_cancelled_append_did_not_happen(postgres_server: EmbeddedServer, database: str) -> None:
    """An append whose statement an administrator cancels has surely left nothing, of the whole call."""
    async with opened(database) as journal:
        await journal.join("home", None)
        async with memory_held(database, USER, "m2"):
            append = asyncio.create_task(journal.append([remember("m1"), remember("m2")]))
            await waits_for_lock(postgres_server, database)
            assert await cancel_statements(postgres_server, database) == 1
            with pytest.raises(JournalUnavailable) as refusal:
                await append
        assert refusal.value.ambiguous is False
        assert await journal.newest(Owner(USER), "m1") is None


async def test_sessions_that_ended_meanwhile_cost_no_call(postgres_server: EmbeddedServer, database: str) -> None:
    """After all idle sessions were ended, as by a restart, nothing fails, and other hosts' appends are notified."""
    async with opened(database) as journal, opened(database) as elsewhere:
        await journal.join("home", None)
        await asyncio.gather(*(journal.newest(Owner(USER), "m") for _ in range(20)))
        assert await end_sessions(postgres_server, database) >= 4
        await asyncio.sleep(0.05)

        await asyncio.gather(*(put(journal, remember()) for _ in range(10)))
        await asyncio.sleep(1)
        for _ in range(3):
            await elsewhere.wait(0.1)
        waiting = asyncio.create_task(elsewhere.wait(10))
        await asyncio.sleep(0.05)
        await put(journal, remember())
        async with asyncio.timeout(1):
            await waiting


async def test_a_closed_journal_answers_nothing(database: str) -> None:
    """A caller that still holds a closed journal gets an error, and opens no connection."""
    async with opened(database) as journal:
        await journal.join("home", None)

    for call in (journal.append([remember()]), journal.members(), journal.settle([Done(seq=1, provider="home")])):
        with pytest.raises(JournalUnavailable, match="closed"):
            await call
