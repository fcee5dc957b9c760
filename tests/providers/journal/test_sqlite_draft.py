"""A journal that is opened on trial is a whole one, and leaves nothing behind."""

from pathlib import Path

import pytest

from providers.journal.base import JournalUnavailable
from providers.journal.sqlite.settings import FILE_NAME, SqliteJournalSettings
from tests.providers.journal.rig import host_in, names_in, put, remember


async def test_a_new_journal_on_trial_is_gone_afterwards(tmp_path: Path) -> None:
    """And is meanwhile in nobody's way: its place stays free."""
    async with SqliteJournalSettings().open_on_trial(host_in(tmp_path)) as journal:
        await journal.join("a", "store of a")
        await put(journal, remember())
        meanwhile = names_in(tmp_path)

    assert meanwhile
    assert FILE_NAME not in meanwhile
    assert names_in(tmp_path) == []


async def test_a_journal_that_is_there_is_opened_itself(tmp_path: Path) -> None:
    """It stays."""
    async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
        there = journal.id

    async with SqliteJournalSettings().open_on_trial(host_in(tmp_path)) as journal:
        assert journal.id == there
    assert names_in(tmp_path) == [FILE_NAME]


@pytest.mark.parametrize("place", ["taken/journal", "taken/deeper/journal"])
async def test_a_place_that_cannot_be_taken_is_named(tmp_path: Path, place: str) -> None:
    """By the name that is configured."""
    (tmp_path / "taken").touch()

    trial = SqliteJournalSettings(path=tmp_path / place).open_on_trial(host_in(tmp_path))
    with pytest.raises(JournalUnavailable, match=f"^journal {tmp_path / place}: "):
        async with trial:
            pass
    assert names_in(tmp_path) == ["taken"]
