"""What the doctor finds about the data folder, and that it makes none."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from app.doctor.folder import spacious, writable
from providers.examination.outcome import CheckStatus
from tests.app.doctor.examining import found, wrong
from tests.providers.journal.rig import names_in
from tests.support.postgres import reachable_folder

NOBODY = 65_534
MOCK = {"MEMORY_PROVIDER": "mock"}


@contextmanager
def not_as_root() -> Iterator[None]:
    """Be a user whom the mode of a folder keeps out."""
    user = os.geteuid()
    if user:
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(user)


async def test_a_folder_that_is_there_is_right(tmp_path: Path) -> None:
    """It is named, with the room on its disk."""
    findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCK)

    assert findings["data_dir"].found == str(tmp_path)
    assert findings["data_dir"].status is CheckStatus.OK
    assert "GiB free on the disk of" in findings["data_dir.space"].found


async def test_a_folder_that_is_to_be_made_is_not_made(tmp_path: Path) -> None:
    """The service makes it; nothing is wrong with that."""
    folder = tmp_path / "a" / "b"

    findings = await found(NINAI__DATA_DIR=str(folder), **MOCK)

    assert "data_dir" not in wrong(findings)
    assert findings["data_dir"].found == f"{folder} is not there yet; the service makes it in {tmp_path}"
    assert names_in(tmp_path) == []


async def test_a_file_in_its_place_is_an_error_and_what_lives_there_is_skipped(tmp_path: Path) -> None:
    """Neither a server nor a journal is looked for."""
    (tmp_path / "data").touch()

    findings = await found(NINAI__DATA_DIR=str(tmp_path / "data"))

    assert wrong(findings)["data_dir"] is CheckStatus.ERROR
    assert findings["providers.native.server"].found == "needs data_dir"
    assert findings["journal"].found == "needs data_dir"


def test_a_folder_that_is_not_ours_is_an_error() -> None:
    """As the kernel sees it; its owner may write there."""
    with reachable_folder() as folder:
        folder.chmod(0o555)
        with not_as_root():
            refused = writable(folder / "data")
        folder.chmod(0o755)

        assert refused.status is CheckStatus.ERROR
        assert refused.advice is not None
        assert writable(folder / "data").status is CheckStatus.OK


def test_a_disk_that_is_nearly_full_is_a_warning(tmp_path: Path) -> None:
    """Below the least that is wanted, and only there."""
    assert spacious(tmp_path, least=2**60).status is CheckStatus.WARNING
    assert spacious(tmp_path, least=0).status is CheckStatus.OK
