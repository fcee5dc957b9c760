"""Servers that are kept running, started again, and taken down for maintenance."""

import os
import signal
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from providers.native.embedded import EmbeddedServer, Supervisor, folder_of
from providers.native.embedded.errors import FolderInUse, FolderUnusable, StoppedForMaintenance
from providers.native.embedded.maintenance import ServerState, mark, status_of, unmark
from tests.support.postgres import reachable_folder

PATIENCE = 30.0  # seconds


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A data folder in which the servers of `native` and `spare` have run before."""
    with reachable_folder() as folder:
        with Supervisor(folder, lambda _: False, print).running(["native", "spare"]):
            pass
        yield folder


@pytest.fixture
def supervisor(data_dir: Path) -> Supervisor:
    """A supervisor of servers none of which is the only one."""
    return Supervisor(data_dir, lambda _: False, print)


def wait_until(truth: Callable[[], bool]) -> None:
    """Return as soon as it is true."""
    deadline = time.monotonic() + PATIENCE
    while not truth():
        assert time.monotonic() < deadline, "it did not become true"
        time.sleep(0.05)


def state(data_dir: Path, name: str) -> ServerState:
    """How the server of a provider is."""
    return status_of(folder_of(data_dir, name)).state


def kill(data_dir: Path, name: str) -> None:
    """End the server of a provider without a chance to say goodbye."""
    pid = int((folder_of(data_dir, name) / "data" / "postmaster.pid").read_text().split()[0])
    os.kill(pid, signal.SIGKILL)


@pytest.mark.soak
def test_each_provider_has_a_server_of_its_own(data_dir: Path, supervisor: Supervisor) -> None:
    """The provider `native` keeps the folder it always had, others have theirs beside it."""
    with supervisor.running(["native", "spare"]):
        during = [state(data_dir, name) for name in ("native", "spare")]
    after = [state(data_dir, name) for name in ("native", "spare", "third")]

    assert (folder_of(data_dir, "native"), folder_of(data_dir, "spare")) == (
        data_dir / "postgres",
        data_dir / "postgres-spare",
    )
    assert during == [ServerState.RUNNING, ServerState.RUNNING]
    assert after == [ServerState.DOWN, ServerState.DOWN, ServerState.ABSENT]


def test_a_lost_server_is_started_again(data_dir: Path, supervisor: Supervisor) -> None:
    """Who is not the only one comes back, and the other is left alone."""
    with supervisor.running(["native", "spare"]):
        spare = (folder_of(data_dir, "spare") / "data" / "postmaster.pid").read_text()
        kill(data_dir, "native")
        wait_until(lambda: state(data_dir, "native") is not ServerState.RUNNING)
        wait_until(lambda: state(data_dir, "native") is ServerState.RUNNING)

        assert (folder_of(data_dir, "spare") / "data" / "postmaster.pid").read_text() == spare


def test_the_loss_of_the_only_server_is_told(data_dir: Path) -> None:
    """Whoever runs the only server hears that it is gone, and it stays so."""
    lost: list[str] = []
    with Supervisor(data_dir, lambda _: True, lost.append).running(["native"]):
        kill(data_dir, "native")
        wait_until(lambda: lost == ["native"])


@pytest.mark.thorough
def test_a_marked_server_stays_down(data_dir: Path, supervisor: Supervisor) -> None:
    """A mark takes a running server down and keeps one from being started; without it the server runs."""
    folder = folder_of(data_dir, "spare")
    with supervisor.running(["native", "spare"]):
        mark(folder)
        wait_until(lambda: state(data_dir, "spare") is ServerState.STOPPED)
    with Supervisor(data_dir, lambda _: False, print).running(["native", "spare"]):
        at_start = state(data_dir, "spare")
        unmark(folder)
        wait_until(lambda: state(data_dir, "spare") is ServerState.RUNNING)

    assert at_start is ServerState.STOPPED


@pytest.mark.thorough
def test_the_only_server_is_not_stopped(data_dir: Path) -> None:
    """A mark on it is taken away; but a start that finds one is refused, because it was put there on purpose."""
    folder = folder_of(data_dir, "native")
    with Supervisor(data_dir, lambda _: True, print).running(["native"]):
        mark(folder)
        wait_until(lambda: not status_of(folder).marked)
        during = state(data_dir, "native")
    mark(folder)
    try:
        with pytest.raises(StoppedForMaintenance), Supervisor(data_dir, lambda _: True, print).running(["native"]):
            pass
    finally:
        unmark(folder)

    assert during is ServerState.RUNNING


@pytest.mark.thorough
def test_a_server_that_does_not_come_up_is_tried_again(data_dir: Path, supervisor: Supervisor) -> None:
    """With others in the order a start goes on without it, and it comes up when what it lacks is mended."""
    config = folder_of(data_dir, "spare") / "data" / "postgresql.auto.conf"
    config.write_text("nonsense = 1\n")
    with supervisor.running(["native", "spare"]):
        at_start = state(data_dir, "spare")
        config.write_text("")
        wait_until(lambda: state(data_dir, "spare") is ServerState.RUNNING)

    assert at_start is ServerState.STARTING


@pytest.mark.thorough
def test_a_folder_in_use_ends_the_start(data_dir: Path, supervisor: Supervisor) -> None:
    """A second service on the same data is told so, however many servers it has."""
    with (
        supervisor.running(["native", "spare"]),
        pytest.raises(FolderInUse),
        Supervisor(data_dir, lambda _: False, print).running(["native", "spare"]),
    ):
        pass


@pytest.mark.thorough
def test_a_folder_of_something_else_ends_the_start(data_dir: Path, supervisor: Supervisor) -> None:
    """A folder that can never hold a server is no reason to try again."""
    folder = folder_of(data_dir, "thesis")
    folder.mkdir()
    (folder / "thesis.txt").write_text("years of work")

    with pytest.raises(FolderUnusable, match="something else"), supervisor.running(["native", "thesis"]):
        pass
    assert state(data_dir, "native") is ServerState.DOWN


@pytest.mark.thorough
def test_a_newcomer_is_started_meanwhile(data_dir: Path, supervisor: Supervisor) -> None:
    """A server that is wanted later runs beside the others, and ends with them."""
    with supervisor.running(["native"]):
        supervisor.want(["native", "spare"])
        wait_until(lambda: state(data_dir, "spare") is ServerState.RUNNING)

    assert state(data_dir, "spare") is ServerState.DOWN


def test_a_held_folder_tells_its_holder(data_dir: Path) -> None:
    """Whoever holds a folder is known while it does, and the next one may hold it at once."""
    server = EmbeddedServer(folder_of(data_dir, "native"))
    with server.held():
        during = status_of(server.folder).holder
    with server.held():
        pass

    assert (during, status_of(server.folder).holder) == (os.getpid(), None)
