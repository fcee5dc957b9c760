"""`ninai journal adopt` says what it would do, and does it only when that is meant."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main
from providers.journal.sqlite.settings import FILE_NAME
from tests.app.cli.test_cli_journal import in_journal
from tests.providers.journal.rig import names_in
from tests.support.holding import holding


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A configuration of two providers, whose journal is in a file."""
    path = tmp_path / "ninai.toml"
    data = tmp_path / "data"
    path.write_text(f'order = ["a", "b"]\ndata_dir = "{data}"\nproviders.a.kind = "mock"\nproviders.b.kind = "mock"\n')
    return path


def adopt(file: Path, *arguments: str, **environ: str) -> Result:
    """Run the command."""
    return CliRunner().invoke(main, ["--config", str(file), "journal", "adopt", *arguments], env=environ)


def test_no_journal_is_begun_without_a_yes(file: Path, tmp_path: Path) -> None:
    """The command says that there is none."""
    result = adopt(file)

    assert (result.exit_code, result.stdout) == (2, "")
    assert "there is no journal yet" in result.stderr
    assert "say --yes" in result.stderr
    assert names_in(tmp_path) == ["ninai.toml"]


def test_a_new_journal_takes_the_stores_over(file: Path, tmp_path: Path) -> None:
    """The installation gets an id; nobody is complete."""
    result = adopt(file, "--yes")

    members = in_journal(tmp_path / "data", lambda journal: journal.members())
    installation = in_journal(tmp_path / "data", lambda journal: journal.installation())
    assert result.exit_code == 0, result.stderr
    assert result.stdout.splitlines()[1:3] == ["  a: is empty", "  b: is empty"]
    assert [(member.name, member.state.value, member.restored) for member in members] == [
        ("a", "filling", True),
        ("b", "filling", True),
    ]
    assert (tmp_path / "data" / "installation").read_text().strip() == installation


def test_a_journal_that_is_there_changes_nothing_without_a_yes(file: Path, tmp_path: Path) -> None:
    """Members that are not in the order are named."""
    folder = tmp_path / "data"
    folder.mkdir()
    in_journal(folder, lambda journal: journal.join("gone", "a store that is gone"))

    result = adopt(file)

    members = in_journal(folder, lambda journal: journal.members())
    assert result.exit_code == 2
    assert "  gone is a member of the journal and not in the order: it stays incomplete" in result.stdout.splitlines()
    assert [(member.name, member.state.value) for member in members] == [("gone", "complete")]


def test_the_journal_of_another_installation_is_taken_over_only_by_name(file: Path, tmp_path: Path) -> None:
    """What it holds would be shown to our users; its id is ours afterwards."""
    folder = tmp_path / "data"
    folder.mkdir()
    (folder / "installation").write_text("ours\n")

    in_journal(folder, lambda journal: journal.installation("theirs"))
    in_journal(folder, lambda journal: journal.join("gone", "a store that is gone"))

    refused, taken = adopt(file, "--yes"), adopt(file, "--yes", "--other-installation")

    assert (refused.exit_code, taken.exit_code) == (1, 0)
    assert "the journal belongs to another installation, theirs" in refused.stderr
    assert (folder / "installation").read_text() == "theirs\n"


@pytest.mark.parametrize("arguments", [(), ("--yes",)])
def test_no_journal_is_begun_beside_a_service_that_still_works_with_the_former_one(
    file: Path, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    """Its file is gone, so that nothing at its path tells of the service."""
    (tmp_path / "data").mkdir()
    path = tmp_path / "data" / FILE_NAME
    with holding(path):
        path.unlink()
        result = adopt(file, *arguments)

    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.startswith("Error: process ")
    assert result.stderr.endswith(": stop it first\n")
    assert not path.exists()


@pytest.mark.parametrize("kind", ["auto", "none"])
def test_a_single_provider_without_a_journal_has_nothing_to_adopt(file: Path, tmp_path: Path, kind: str) -> None:
    """None is begun by the way."""
    result = adopt(file, "--yes", NINAI__ORDER="a", NINAI__JOURNAL__KIND=kind)

    assert result.exit_code == 2
    assert "there is no journal" in result.stderr
    assert not (tmp_path / "data" / FILE_NAME).exists()
