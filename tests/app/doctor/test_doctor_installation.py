"""What the doctor finds about the id of the installation."""

from pathlib import Path

from providers.examination.outcome import CheckStatus
from tests.app.doctor.examining import found

MOCK = {"MEMORY_PROVIDER": "mock"}
NAME = "data_dir.installation"


async def test_an_id_is_shown_with_where_it_comes_from(tmp_path: Path) -> None:
    """The file, or the settings."""
    file = tmp_path / "installation"
    none = await found(NINAI__DATA_DIR=str(tmp_path), **MOCK)
    file.write_text("ours\n")
    kept = await found(NINAI__DATA_DIR=str(tmp_path), **MOCK)
    configured = await found(NINAI__DATA_DIR=str(tmp_path), NINAI__INSTALLATION="set", **MOCK)

    assert none[NAME].found == f"there is none yet: the first journal puts it into {file}"
    assert kept[NAME].found == f"ours, from {file}"
    assert configured[NAME].found == "set, from the settings"
    assert {one[NAME].status for one in (none, kept, configured)} == {CheckStatus.OK}


async def test_a_file_that_holds_no_id_is_an_error(tmp_path: Path) -> None:
    """The service would not start."""
    (tmp_path / "installation").write_text("")
    findings = await found(NINAI__DATA_DIR=str(tmp_path), **MOCK)

    assert findings[NAME].status is CheckStatus.ERROR
    assert "holds no id of an installation" in findings[NAME].found
