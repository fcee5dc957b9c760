"""When its file is full, locked or damaged, the journal reports it at once, and recovers when the fault is over."""

import asyncio
import sqlite3
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from providers.journal.base import Journal, JournalUnavailable
from providers.journal.sqlite.connection import JournalConnection
from providers.journal.sqlite.journal import SqliteJournal
from providers.journal.sqlite.opening import BUSY_SECONDS, open_file, open_journal, open_memory
from providers.journal.sqlite.running import threaded
from providers.owners import Owner
from tests.providers.journal.rig import USER, names_in, put, remember

LARGE = "x" * 30_000


@asynccontextmanager
async def limited(path: Path, pages: int) -> AsyncIterator[tuple[Journal, JournalConnection]]:
    """Hold a journal whose file has no room for more pages, and the connection that can add some."""

    def open_limited() -> JournalConnection:
        connection = open_file(path, time.time)
        connection.run(f"PRAGMA max_page_count = {pages}")
        return connection

    async with (
        threaded("writer", open_limited) as writer,
        threaded("reader", lambda: open_file(path, time.time, reads_only=True)) as reader,
    ):
        connection = await writer.run(lambda connection: connection)
        journal = SqliteJournal(connection.journal_id, writer, reader)
        yield journal, connection
        await journal.close()


async def fill(journal: Journal) -> list[str]:
    """Append until there is no room, and return the ids of the acknowledged memories."""
    acknowledged: list[str] = []
    while len(acknowledged) < 1_000:
        operation = remember(content=LARGE)
        try:
            await journal.append([operation])
        except JournalUnavailable:
            return acknowledged
        acknowledged.append(operation.state.id)
    raise AssertionError("there is room for everything")


async def known(journal: Journal, ids: list[str]) -> list[bool]:
    """Return which of these memories are known."""
    return [await journal.newest(Owner(USER), memory_id) is not None for memory_id in ids]


async def test_without_room_nothing_is_accepted(tmp_path: Path) -> None:
    """An append without room is refused, and not ambiguous; reads go on, and with room again writes do, too."""
    async with limited(tmp_path / "journal", 200) as (journal, connection):
        ids = await fill(journal)
        with pytest.raises(JournalUnavailable, match="the disk is full") as caught:
            await journal.append([remember("refused", LARGE)])

        assert caught.value.ambiguous is False
        assert await known(journal, [*ids, "refused"]) == [True] * len(ids) + [False]
        connection.run("PRAGMA max_page_count = 1000000")
        await put(journal, remember("refused", LARGE))


async def test_who_fits_is_not_refused_with_who_does_not(tmp_path: Path) -> None:
    """Of writes that share a transaction only the one that finds no room fails."""
    async with limited(tmp_path / "journal", 100) as (journal, _):
        small = [remember(f"small {number}") for number in range(5)]
        large = [remember(f"large {number}", LARGE) for number in range(20)]
        calls = [journal.append([operation]) for operation in small[:3]]
        calls += [journal.append(large), *[journal.append([operation]) for operation in small[3:]]]
        outcomes = await asyncio.gather(*calls, return_exceptions=True)

        assert [isinstance(outcome, JournalUnavailable) for outcome in outcomes] == [False] * 3 + [True] + [False] * 2
        assert await known(journal, [o.state.id for o in small]) == [True] * 5
        assert await known(journal, [o.state.id for o in large]) == [False] * 20


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a file system of one MiB."""
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(  # noqa: S603 - constants
        ["/bin/mount", "-t", "tmpfs", "-o", "size=1m", "none", disk], check=False, capture_output=True
    )
    if mounted.returncode:
        pytest.skip("only root can mount a file system")
    yield disk
    subprocess.run(["/bin/umount", disk], check=True)  # noqa: S603 - constants


async def test_a_full_disk_is_survived(small_disk: Path) -> None:
    """On a disk that is really full all that was acknowledged is there when the file is opened again."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * 300_000)
    async with open_journal(small_disk / "journal", time.time) as journal:
        ids = await fill(journal)
        with pytest.raises(JournalUnavailable, match="the disk is full"):
            await journal.append([remember(content=LARGE)])
        assert all(await known(journal, ids))

        ballast.unlink()
        ids.append((await put(journal, remember(content=LARGE))).state.id)

    async with open_journal(small_disk / "journal", time.time) as journal:
        assert all(await known(journal, ids))


async def test_a_journal_cannot_be_made_on_a_full_disk(small_disk: Path) -> None:
    """No part of a journal is left behind, and with room it is created."""
    ballast = small_disk / "ballast"
    ballast.write_bytes(b"x" * (1024 - 12) * 1024)
    with pytest.raises(JournalUnavailable):
        async with open_journal(small_disk / "journal", time.time):
            pass

    assert names_in(small_disk) == ["ballast"]
    ballast.unlink()
    async with open_journal(small_disk / "journal", time.time) as journal:
        await put(journal, remember())


async def test_a_locked_file_is_told_in_time(tmp_path: Path) -> None:
    """Writers give up together before their deadline, reads are not blocked, and afterwards writes go on."""
    path = tmp_path / "journal"
    async with open_journal(path, time.time) as journal:
        entry = await put(journal, remember())
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            started = time.monotonic()
            writes = [asyncio.create_task(journal.append([remember()])) for _ in range(5)]
            await asyncio.sleep(0.1)
            assert await journal.newest(Owner(USER), entry.state.id) == entry
            assert time.monotonic() - started < BUSY_SECONDS
            outcomes = await asyncio.gather(*writes, return_exceptions=True)
            assert BUSY_SECONDS * 0.9 < time.monotonic() - started < 2 * BUSY_SECONDS
            other.execute("ROLLBACK")

        assert all(isinstance(o, JournalUnavailable) and "locked" in o.reason and not o.ambiguous for o in outcomes)
        assert (await journal.status()).operations == 1
        await put(journal, remember())


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    """Reads and writes of overwritten pages raise an error, and do not return nothing."""
    path = tmp_path / "journal"
    async with open_journal(path, time.time) as journal:
        await journal.append([remember(f"m{number}") for number in range(500)])
    content = path.read_bytes()
    page = 4096
    path.write_bytes(content[: 2 * page] + b"\xff" * (len(content) - 2 * page))

    with pytest.raises(JournalUnavailable, match="damaged"):
        async with open_journal(path, time.time) as journal:
            await journal.newest(Owner(USER), "m1")
    with pytest.raises(JournalUnavailable, match="damaged"):
        async with open_journal(path, time.time) as journal:
            await journal.append([remember()])


def test_a_failed_commit_is_ambiguous() -> None:
    """Only if the commit itself failed may the work have happened; the connection is usable afterwards."""
    connection = open_memory(time.time)
    connection.run("PRAGMA foreign_keys = ON")
    connection.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    connection.run("CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(JournalUnavailable) as caught:
        connection.commit([lambda connection: connection.run("INSERT INTO children VALUES (1)")])
    assert caught.value.ambiguous is True
    assert connection.commit([lambda connection: connection.rows("SELECT * FROM children")]) == [[]]


def test_a_failed_commit_of_several_is_tried_alone() -> None:
    """A failed commit of several is not ambiguous: each one is tried again alone, and raises its own error."""
    connection = open_memory(time.time)
    connection.run("PRAGMA foreign_keys = ON")
    connection.run("CREATE TABLE parents (id INTEGER PRIMARY KEY)")
    connection.run("CREATE TABLE children (parent INTEGER REFERENCES parents DEFERRABLE INITIALLY DEFERRED)")

    with pytest.raises(sqlite3.IntegrityError):
        connection.commit([lambda connection: connection.run("INSERT INTO children VALUES (1)"), lambda _: None])


async def test_a_bug_of_one_writer_is_not_that_of_his_company(tmp_path: Path) -> None:
    """A value that SQLite cannot store fails its own call; the other writes succeed."""
    half = remember("half a character")
    async with open_journal(tmp_path / "journal", time.time) as journal:
        outcomes = await asyncio.gather(
            journal.append([remember("m")]),
            journal.append([replace(half, state=replace(half.state, content="\ud83c"))]),
            journal.append([remember("n", version=2**63)]),
            journal.append([remember("o")]),
            return_exceptions=True,
        )

        assert [type(outcome) for outcome in outcomes] == [list, UnicodeEncodeError, OverflowError, list]
        assert await known(journal, ["m", "n", "o"]) == [True, False, True]
