"""A journal whose file is no longer the one at its path takes nothing, and delivers what it holds."""

import asyncio
import os
import shutil
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest
from structlog.testing import capture_logs

from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Done, MemberState
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, due, host_in, leased, put, remember


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal's file is."""
    return tmp_path / "journal.sqlite3"


@pytest.fixture
async def journal(path: Path) -> AsyncIterator[Journal]:
    """Return a journal with a member and a memory that it has not confirmed."""
    async with SqliteJournalSettings(path=path).open(host_in(path.parent)) as opened:
        await opened.join("home", None)
        await put(opened, remember("m"))
        yield opened


def removed(path: Path) -> None:
    """Remove the file."""
    path.unlink()


def moved(path: Path) -> None:
    """Move the file away."""
    path.rename(path.with_name("elsewhere"))


def put_back(path: Path) -> None:
    """Undo that."""
    path.with_name("elsewhere").rename(path)


def replaced(path: Path) -> None:
    """Put a copy in its place, as restoring a backup does."""
    shutil.copy(path, path.with_name("copy"))
    os.replace(path.with_name("copy"), path)  # noqa: PTH105 - as a shell does it


LOST = pytest.mark.parametrize(
    ("lose", "reason"), [(removed, "is gone"), (moved, "is gone"), (replaced, "has been replaced")]
)


@LOST
async def test_nothing_is_accepted_any_more(
    journal: Journal, path: Path, lose: Callable[[Path], None], reason: str
) -> None:
    """No write and no read is answered as if the next process knew of it; the reason names the way on."""
    lose(path)

    for asked in (
        lambda: journal.append([remember()]),
        lambda: journal.newest(Owner(USER), "m"),
        lambda: journal.entries(Owner(USER), "home", 10, 10),
        lambda: journal.deleted(Owner(USER), ["m"]),
        journal.last_seq,
        journal.status,
        journal.members,
        lambda: journal.join("other", None),
        lambda: journal.mark("home", MemberState.FILLING),
        lambda: journal.claim("sweep", "me", 1),
        lambda: journal.prune(0),
        lambda: journal.forget([1]),
        lambda: journal.retry(1, "home"),
        lambda: journal.discard(1, "home"),
    ):
        with pytest.raises(JournalUnavailable, match=f"{path}: .*{reason}.*restart the service") as caught:
            await asked()
        assert caught.value.ambiguous is False
    assert journal.trouble is not None
    assert reason in journal.trouble


@LOST
async def test_what_it_holds_is_delivered_all_the_same(
    journal: Journal, path: Path, lose: Callable[[Path], None], reason: str
) -> None:
    """It was acknowledged, and nobody else will ever deliver it."""
    lose(path)

    await journal.wait(0)
    [delivery] = await leased(journal, "home", LONG)
    [renewed] = await journal.renew("home", [delivery.lease], 0)
    assert renewed is not None
    await journal.settle([Done(seq=delivery.seq, provider="home")])
    assert await due(journal, "home") == [], reason


async def test_a_write_that_may_be_lost_is_ambiguous(journal: Journal, path: Path) -> None:
    """The file goes while the write is under way."""
    writing = asyncio.create_task(journal.append([remember()]))
    await asyncio.sleep(0)  # it has found the file, and waits for the commit
    removed(path)

    with pytest.raises(JournalUnavailable, match="is gone") as caught:
        await writing
    assert caught.value.ambiguous is True


async def test_it_is_told_once(journal: Journal, path: Path) -> None:
    """One line says what happened, and a file that is put back is used again."""
    with capture_logs() as lines:
        moved(path)
        for _ in range(3):
            with pytest.raises(JournalUnavailable):
                await journal.append([remember()])
        put_back(path)
        await put(journal, remember())

    assert [(line["event"], line["log_level"]) for line in lines] == [("journal_file_lost", "error")]


async def test_a_restart_is_the_way_on(path: Path) -> None:
    """The next process opens what is at the path."""
    settings = SqliteJournalSettings(path=path)
    async with settings.open(host_in(path.parent)) as first:
        name = first.id
        moved(path)
    async with settings.open(host_in(path.parent)) as second:
        assert second.id != name
        await put(second, remember())
