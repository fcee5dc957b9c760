"""The journal in a file leaves no byte of an erased user on the disk: neither in the file, nor in the log beside it."""

from pathlib import Path

from msgspec.structs import replace

from providers.erasure.fences import new_key
from providers.journal.sqlite.settings import SqliteJournalSettings
from tests.providers.journal.rig import host_in, put, remember, update
from tests.providers.journal.test_contract_erasures import requested

USER_ID, TEXT, OTHER_TEXT = "cardamom-lover", "cardamom in everything", "chicory in nothing"


def on_disk(folder: Path) -> bytes:
    """Return all that the journal has on the disk."""
    return b"".join(path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file())


async def test_neither_texts_nor_names_are_left_in_the_log(tmp_path: Path) -> None:
    """The log has every change until others overwrite it, which may be never: so it is emptied."""
    async with SqliteJournalSettings().open(host_in(tmp_path)) as journal:
        await journal.join("home", "store of home")
        await put(journal, remember("m", TEXT, user=USER_ID))
        await put(journal, remember("m", OTHER_TEXT))
        await put(journal, update("m", f"{TEXT} again", base=1, version=2, user=USER_ID))
        begun = await journal.begin_erasure(requested(USER_ID))
        fenced = await journal.fence(replace(begun, version=5), new_key())
        assert TEXT.encode() in on_disk(tmp_path)

        await journal.purge(fenced.owner, fenced.version)
        assert TEXT.encode() not in on_disk(tmp_path)
        assert OTHER_TEXT.encode() in on_disk(tmp_path)
        assert USER_ID.encode() in on_disk(tmp_path)

        await journal.note_erasure(replace(fenced, owner="", finished_at=1.0, confirmed_at=2.0))
        assert USER_ID.encode() not in on_disk(tmp_path)
