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

        def open_desk(**variables: str) -> Desk:
            folder = stack.enter_context(reachable_folder())
            service = stack.enter_context(running_service(folder, variables))
            return shell_in(folder, service, variables), service

        yield open_desk


def shell_in(folder: Path, service: Service, variables: dict[str, str]) -> Shell:
    """Return a terminal in a folder that looks like a clone, with the commands and the settings of the service."""
    place = folder / "clone"
    place.mkdir(exist_ok=True)
    (place / ".venv").symlink_to(Path(sys.executable).parents[1])
    (place / "deploy").symlink_to(ROOT / "deploy")
    data, url = str(service.data_dir), service.url
    known = environment(HOME=str(folder), NINAI__DATA_DIR=data, NINAI_URL=url, COLUMNS="200", **variables)
    shell = Shell(place, {**known, "PATH": f"{Path(sys.executable).parent}:{known['PATH']}"})
    shell.replaced[ADDRESS] = service.url
    return shell
