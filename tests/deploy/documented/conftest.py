"""A terminal beside a live service, as a reader of the pages has it."""

import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import pytest

from tests.support.markdown import ROOT
from tests.support.postgres import reachable_folder
from tests.support.service import Service, environment, running_service
from tests.support.transcripts import Shell

ADDRESS = "http://127.0.0.1:8000"
Desk = tuple[Shell, Service]


@pytest.fixture(scope="module")
def opened() -> Iterator[Callable[..., Desk]]:
    """Open a terminal beside a service that has these variables; both are gone afterwards."""
    with ExitStack() as stack:

        def open_desk(before: Callable[[Shell], None] = _nothing, **variables: str) -> Desk:
            folder = stack.enter_context(reachable_folder())
            shell = shell_in(folder, variables)
            before(shell)
            service = stack.enter_context(running_service(folder, variables))
            shell.environment["NINAI_URL"] = shell.replaced[ADDRESS] = service.url
            return shell, service

        yield open_desk


def _nothing(_: Shell) -> None:
    """Type nothing before the service starts."""


def shell_in(folder: Path, variables: dict[str, str]) -> Shell:
    """Return a terminal in a folder that looks like a clone, with the commands and the settings of the service."""
    place = folder / "clone"
    place.mkdir()
    (folder / "data").mkdir()
    (place / ".venv").symlink_to(Path(sys.executable).parents[1])
    (place / "deploy").symlink_to(ROOT / "deploy")
    known = environment(HOME=str(folder), NINAI__DATA_DIR=str(folder / "data"), COLUMNS="200", **variables)
    return Shell(place, {**known, "PATH": f"{Path(sys.executable).parent}:{known['PATH']}"})
