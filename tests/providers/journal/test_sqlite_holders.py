"""Whoever takes the place of a journal is told of processes that still work with the former file."""

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.journal.sqlite.holders import lost_with
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.providers.journal.test_sqlite_place import moved, removed, replaced
from tests.support.holding import holding


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """Return where the journal's file is."""
    return tmp_path / "journal.sqlite3"


@pytest.fixture
def holder(path: Path) -> Iterator[int]:
    """A process that has a database at that path open."""
    with holding(path) as process:
        yield process


def gone(path: Path) -> None:
    """Remove everything that belongs to the file."""
    for file in path.parent.glob("journal.sqlite3*"):
        file.unlink()


@pytest.mark.thorough
@pytest.mark.parametrize("lose", [removed, moved, replaced, gone])
def test_a_process_with_a_file_that_lost_its_place_is_found(
    path: Path, holder: int, lose: Callable[[Path], None]
) -> None:
    """However that happened, and whether or not another file is there now."""
    assert lost_with(path) == []
    lose(path)

    assert lost_with(path) == [holder]
    path.touch()
    assert lost_with(path) == [holder]


def test_the_settings_tell_what_to_stop(path: Path, holder: int) -> None:
    """In one line."""
    settings = SqliteJournalSettings()
    assert settings.left_open(path.parent) is None
    path.unlink()

    assert settings.left_open(path.parent) == (
        f"process {holder} still works with a journal that was {path}, which nobody will find again: stop it first"
    )
