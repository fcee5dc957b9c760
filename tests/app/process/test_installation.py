"""An installation keeps its id in the data folder, unless it is configured."""

from pathlib import Path

import pytest

from app.process.installation import FILE_NAME, Installation
from app.settings import ConfigError, load
from providers.errors import Misconfigured


def at(folder: Path, **variables: str) -> Installation:
    """Return the installation with this data folder."""
    return Installation.of(load(None, environ={"NINAI__DATA_DIR": str(folder), **variables}).settings)


def test_what_is_kept_is_the_id_from_then_on(tmp_path: Path) -> None:
    """Also for another process; nobody else may read it, and nothing else is left behind."""
    folder = tmp_path / "data"
    first = at(folder)
    before = first.id()
    first.keep("one")

    assert (before, first.id(), at(folder).id()) == (None, "one", "one")
    assert [path.name for path in folder.iterdir()] == [FILE_NAME]
    assert (folder / FILE_NAME).stat().st_mode & 0o777 == 0o600


def test_another_id_replaces_it(tmp_path: Path) -> None:
    """Such as that of the journal to which the stores belong."""
    for one in ("one", "two"):
        at(tmp_path).keep(one)

    assert at(tmp_path).id() == "two"


def test_a_configured_one_goes_before_the_file_and_is_not_overwritten(tmp_path: Path) -> None:
    """An operator has decided."""
    at(tmp_path).keep("kept")
    configured = at(tmp_path, NINAI__INSTALLATION="configured")
    configured.keep("another")

    assert (configured.id(), at(tmp_path).id()) == ("configured", "kept")


@pytest.mark.parametrize("content", [b"", b"\n", b"two words", b"a" * 101, b"\xff\xfe", b"-x"])
def test_a_file_with_something_else_is_an_error(tmp_path: Path, content: bytes) -> None:
    """Another id would be another installation, whose journal is not believed."""
    (tmp_path / FILE_NAME).write_bytes(content)

    with pytest.raises(Misconfigured, match="holds no id of an installation"):
        at(tmp_path).id()


def test_the_longest_id_is_taken(tmp_path: Path) -> None:
    """A hundred characters, from a file or a variable, and not one more."""
    at(tmp_path).keep("a" * 100)

    assert at(tmp_path).id() == "a" * 100
    assert at(tmp_path, NINAI__INSTALLATION="b" * 100).id() == "b" * 100
    with pytest.raises(ConfigError, match="installation"):
        at(tmp_path, NINAI__INSTALLATION="b" * 101)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """It is there, so that no new id may be made."""
    (tmp_path / FILE_NAME).mkdir()

    with pytest.raises(Misconfigured, match=r"cannot be read: .*installation: Is a directory"):
        at(tmp_path).id()


def test_where_nothing_can_be_written_the_process_goes_on(tmp_path: Path) -> None:
    """The next start asks a store."""
    obstacle = tmp_path / "obstacle"
    obstacle.write_text("a file, no folder")
    at(obstacle).keep("one")

    assert [path.name for path in tmp_path.iterdir()] == ["obstacle"]
