"""Traces in PostgreSQL are dropped while other transactions use them."""

import asyncio

import asyncpg
from msgspec.structs import replace

from providers.journal.base import MAX_TRACES
from providers.journal.operations import Appended
from providers.owners import Owner
from tests.providers.journal.postgres_rig import memory_held, opened
from tests.providers.journal.rig import USER, delete, due, remember
from tests.support.postgres import connected


async def test_what_has_given_way_in_the_middle_of_an_append_is_new(database: str) -> None:
    """An append that met a trace, waited for another memory, and finds the trace gone inserts its own operation."""
    async with opened(database) as journal, connected(database) as other:
        await journal.join("home", None)
        await journal.append([replace(delete(memory_id), trace=True) for memory_id in ("a", "b")])
        async with memory_held(database, USER, "c"):
            appending = asyncio.create_task(
                journal.append([remember("a"), replace(delete("b"), trace=True), remember("c")])
            )
            await _until_somebody_waits(other)
            await other.execute("DELETE FROM ninai_journal_entries WHERE memory_id IN ('a', 'b')")
        answers = await appending

        appended = [answer for answer in answers if isinstance(answer, Appended)]
        assert [(one.repeated, one.former, one.entry.pending) for one in appended] == [
            (False, None, frozenset({"home"})),
            (False, None, frozenset()),
            (False, None, frozenset({"home"})),
        ]
        assert [await journal.newest(Owner(USER), one.entry.state.id) for one in appended] == [
            one.entry for one in appended
        ]
        assert await due(journal, "home") == sorted(one.entry.seq for one in (appended[0], appended[2]))


async def test_a_trace_that_somebody_holds_gives_way_later(database: str) -> None:
    """No append waits for a trace to be dropped, so that no two of them wait for each other."""
    async with opened(database) as journal, connected(database) as other:
        ids = [f"m{number:04}" for number in range(MAX_TRACES)]
        await journal.append([replace(delete(memory_id), trace=True) for memory_id in ids])
        async with other.transaction():
            await other.execute("SELECT 1 FROM ninai_journal_entries WHERE memory_id = $1 FOR UPDATE", ids[0])
            await journal.append([replace(delete("one more"), trace=True)])
            assert await journal.newest(Owner(USER), ids[0]) is not None
        await journal.append([replace(delete("and more"), trace=True)])

        assert [await journal.newest(Owner(USER), memory_id) is not None for memory_id in ids[:3]] == [
            False,
            False,
            True,
        ]


async def _until_somebody_waits(connection: asyncpg.Connection) -> None:
    waiting = """SELECT EXISTS (SELECT 1 FROM pg_stat_activity
        WHERE datname = current_database() AND wait_event_type = 'Lock')"""
    while not await connection.fetchval(waiting):  # noqa: ASYNC110 - the server tells nobody
        await asyncio.sleep(0.01)
