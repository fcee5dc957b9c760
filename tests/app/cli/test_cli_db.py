"""`ninai db` takes embedded servers down and brings them back; here while no service runs."""

from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from app.cli import main

SPARE = {"NINAI__ORDER": "native,spare", "NINAI__PROVIDERS__SPARE__KIND": "native"}


def ninai(data_dir: Path, *arguments: str) -> Result:
    """Run the command with two embedded servers in a data folder."""
    return CliRunner().invoke(main, ["db", *arguments, "--data-dir", str(data_dir)], env=SPARE)


@pytest.fixture
def data_dir(tmp_path: Path) -> Path:
    """A data folder in which only the server of `native` has ever run."""
    (tmp_path / "postgres" / "data").mkdir(parents=True)
    return tmp_path


def test_every_server_is_listed(data_dir: Path) -> None:
    """One line for each provider that has one: how it is, who holds it, and where it is."""
    result = ninai(data_dir, "status")

    assert (result.exit_code, result.stdout.splitlines()) == (
        0,
        [f"native  down  no service  {data_dir}/postgres", f"spare  absent  no service  {data_dir}/postgres-spare"],
    )


@pytest.mark.parametrize("command", ["check", "history"])
def test_no_server_is_made_to_be_looked_at(data_dir: Path, command: str) -> None:
    """Where none has ever run that is said, and the folder stays as it was."""
    result = ninai(data_dir, command, "spare")

    words = f"the embedded server of spare has never run: nothing is in {data_dir}/postgres-spare"
    words += "; --data-dir names another data folder"
    assert (result.exit_code, result.stdout, result.stderr) == (1, "", f"Error: {words}\n")
    assert [one.name for one in data_dir.iterdir()] == ["postgres"]


def test_a_server_is_kept_from_starting(data_dir: Path) -> None:
    """What is stopped without a service stays down with the next one, until it is started."""
    stopped = ninai(data_dir, "stop")
    status = ninai(data_dir, "status")
    started = ninai(data_dir, "start", "native")

    assert stopped.stdout == "native is stopped; no service runs, and the next one starts without it\n"
    assert status.stdout.startswith("native  down, to stay down  no service")
    assert started.stdout == "native starts with the next service\n"
    assert ninai(data_dir, "status").stdout.startswith("native  down  no service")


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("spare", "has never run"),
        ("nobody", "nobody has no embedded server; native, spare would have one"),
    ],
)
def test_a_server_that_is_not_there_is_named(data_dir: Path, name: str, words: str) -> None:
    """Who has no server, or none that ever ran, is told in one line."""
    for command in ("stop", "start"):
        result = ninai(data_dir, command, name)

        assert result.exit_code == 1
        assert words in result.stderr
