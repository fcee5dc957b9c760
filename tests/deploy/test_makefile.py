"""The commands of the Makefile take what a newcomer may give them."""

import shlex
import subprocess
from pathlib import Path

import pytest

_ROOT = Path(__file__).parents[2]
_INSTALLED = ("--assume-old=.venv/.run", "--assume-old=.venv/.dev")


def test_a_data_folder_may_have_blanks_in_its_name() -> None:
    """The folder reaches the service as one argument."""
    assert _last_command("serve", "DATA_DIR=a b")[-2:] == ["--data-dir", "a b"]


@pytest.mark.parametrize(
    ("goals", "wanted"),
    [
        (["bench"], []),
        (["bench", "scale"], ["scale"]),
        (["bench", "recall", "service"], ["recall", "service"]),
    ],
)
def test_benchmarks_are_chosen_by_their_names(goals: list[str], wanted: list[str]) -> None:
    """Beside `make bench`, whether or not a target has such a name; all of them without any."""
    command = _last_command(*goals, "SCALE_MEMORIES=1000000", "SCALE_PARTS=requests")

    assert command[command.index("tests.bench") + 1 :] == wanted
    assert command[:2] == ["SCALE_MEMORIES=1000000", "SCALE_PARTS=requests"]


def _last_command(*arguments: str) -> list[str]:
    said = subprocess.run(  # noqa: S603 - our own file
        ["/usr/bin/make", "--dry-run", "--no-print-directory", *_INSTALLED, *arguments],
        cwd=_ROOT,
        capture_output=True,
        check=True,
        text=True,
    ).stdout
    return shlex.split([line for line in said.splitlines() if line != ":"][-1])
