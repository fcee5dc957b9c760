"""The journal's file is created once, for its owner alone, and never mistaken for another."""

import asyncio
import sqlite3
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import pytest

from providers.journal.base import Journal, JournalUnavailable
from providers.journal.sqlite.opening import open_journal
from providers.journal.sqlite.schema import APPLICATION_ID
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.journal.sqlite.steps import FORMS
from tests.providers.journal.rig import delete, entries, host_in, names_in, put, remember


@asynccontextmanager
async def opened(path: Path) -> AsyncIterator[Journal]:
    """Hold the journal in this file."""
    async with SqliteJournalSettings(path=path).open(host_in(path.parent)) as journal:
        yield journal


def mode(path: Path) -> int:
    """Return the permissions of a file."""
    return stat.S_IMODE(path.stat().st_mode)


@pytest.fixture
def open_folder(tmp_path: Path) -> Path:
    """Return a folder that every user may read."""
    tmp_path.chmod(0o755)
    return tmp_path


async def test_the_file_is_in_the_data_folder(tmp_path: Path) -> None:
    """Without a path the file has its default name there, with one it is at the path; nothing else is left behind."""
    async with SqliteJournalSettings().open(host_in(tmp_path / "data")):
        pass
    async with opened(tmp_path / "elsewhere" / "journal"):
        pass

    assert names_in(tmp_path / "data") == ["journal.sqlite3"]
    assert names_in(tmp_path / "elsewhere") == ["journal"]


async def test_only_the_owner_may_read_it(tmp_path: Path) -> None:
    """The folder, the file and SQLite's files beside it are closed to every other user."""
    folder = tmp_path / "data"
    async with SqliteJournalSettings().open(host_in(folder)) as journal:
        await put(journal, remember())

        assert mode(folder) == 0o700
        assert {name: mode(folder / name) for name in names_in(folder)} == dict.fromkeys(
            ["journal.sqlite3", "journal.sqlite3-shm", "journal.sqlite3-wal"], 0o600
        )


async def test_a_folder_that_is_there_keeps_its_mode(open_folder: Path) -> None:
    """Only what the journal creates is closed."""
    async with opened(open_folder / "journal"):
        assert mode(open_folder) == 0o755


async def test_each_file_has_a_name_of_its_own(tmp_path: Path) -> None:
    """Two journals have two ids; a journal has the same one whenever it is opened."""
    ids = []
    for name in ("one", "two", "one"):
        async with opened(tmp_path / name) as journal:
            ids.append(journal.id)

    assert ids[0] == ids[2] != ids[1]


async def test_many_make_the_file_at_once(tmp_path: Path) -> None:
    """All processes get the same journal, and no draft stays."""
    async with AsyncExitStack() as stack:
        journals = await asyncio.gather(
            *[stack.enter_async_context(opened(tmp_path / "journal")) for _ in range(8)],
        )
        await asyncio.gather(*[put(journal, remember()) for journal in journals])

        assert len({journal.id for journal in journals}) == 1
        assert (await journals[0].status()).operations == 8
    assert names_in(tmp_path) == ["journal"]


def a_text(path: Path) -> None:
    """Write a file that is no database."""
    path.write_text("my diary\n" * 1_000)


def nothing(path: Path) -> None:
    """Create a file without content."""
    path.touch()


def a_database(path: Path) -> None:
    """Create a database of another program."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE meta (journal_id TEXT)")


def a_newer_journal(path: Path) -> None:
    """Create a journal as a later version of this program may make it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMS.newest + 1}")


def an_ancient_journal(path: Path) -> None:
    """Create a journal of a form that this program does not take over any more."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION_ID}")
        connection.execute(f"PRAGMA user_version = {FORMS.oldest - 1}")


def a_folder(path: Path) -> None:
    """Create a folder."""
    path.mkdir()


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (a_text, "no database"),
        (nothing, "not a journal"),
        (a_database, "not a journal"),
        (a_newer_journal, "newer version.*update this program"),
        (an_ancient_journal, "with a version in between"),
        (a_folder, "cannot be opened"),
    ],
)
async def test_what_is_no_journal_is_not_touched(tmp_path: Path, make: Callable[[Path], None], reason: str) -> None:
    """The error names the file and what it is instead, and the file stays as it was."""
    path = tmp_path / "journal"
    make(path)
    before = path.read_bytes() if path.is_file() else b""

    with pytest.raises(JournalUnavailable, match=reason) as caught:
        async with opened(path):
            pass
    assert str(path) in caught.value.reason
    assert caught.value.ambiguous is False
    assert (path.read_bytes() if path.is_file() else b"") == before
    assert names_in(tmp_path) == ["journal"]


async def test_a_file_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    """The reason names the path and the error of the system."""
    (tmp_path / "file").touch()

    with pytest.raises(JournalUnavailable, match=r"file/data/journal: Not a directory"):
        async with opened(tmp_path / "file" / "data" / "journal"):
            pass


async def test_of_a_deleted_memory_no_byte_is_left(tmp_path: Path) -> None:
    """After the file is closed neither it nor a log holds the text of deleted memories, on however many pages."""
    path = tmp_path / "journal"
    async with opened(path) as journal:
        for number in range(50):
            await put(journal, remember(f"m{number}", f"secret {number} " * 2 * number))
        for number in range(50):
            await put(journal, delete(f"m{number}"))
        assert len(await entries(journal)) == 50

    assert names_in(tmp_path) == ["journal"]
    assert b"secret" not in path.read_bytes()


async def test_the_clock_is_an_argument(tmp_path: Path) -> None:
    """Ages are measured by the clock that is passed in."""
    async with open_journal(tmp_path / "journal", lambda: 42.0) as journal:
        assert (await journal.join("home", None)).joined_at == pytest.approx(42.0, abs=5.0)
