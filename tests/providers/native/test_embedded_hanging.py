"""An embedded server that hangs keeps neither a stop nor a start waiting, and loses nothing that was committed."""

import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from providers.native.embedded import EmbeddedServer, Supervisor, folder_of, wheel_binaries
from providers.native.embedded.ending import HUNG_SECONDS
from providers.native.embedded.maintenance import ServerState, status_of
from providers.native.embedded.supervisor import PATIENCE_SECONDS
from tests.support.faults import stop_for_good
from tests.support.postgres import libpq_dsn, reachable_folder

BUSY = 5.0  # seconds that a busy machine may take beyond


@pytest.fixture(scope="module")
def data_dir() -> Iterator[Path]:
    """A folder in which the servers of `native` and `spare` have run."""
    with reachable_folder() as folder:
        with Supervisor(folder, lambda _: False, print).running(["native", "spare"]):
            ask(EmbeddedServer(folder_of(folder, "native")), "CREATE TABLE kept (token text)")
        yield folder


@pytest.fixture
def native(data_dir: Path) -> EmbeddedServer:
    """The server of `native`, which does not run yet."""
    return EmbeddedServer(folder_of(data_dir, "native"))


def ask(server: EmbeddedServer, statement: str) -> str:
    """What psql prints for a statement."""
    psql: list[str | Path] = [wheel_binaries() / "psql", "-X", "-At", "-d", libpq_dsn(server.dsn), "-c", statement]
    done = subprocess.run(psql, capture_output=True, check=True, text=True)  # noqa: S603 - the wheel's psql
    return done.stdout.strip()


@pytest.mark.thorough
def test_a_stopped_server_is_ended_at_once(native: EmbeddedServer) -> None:
    """All processes of it are stopped: they are woken, and end in good order."""
    with native.running():
        ask(native, "INSERT INTO kept VALUES ('stopped')")
        stop_for_good(native)
        began = time.monotonic()
    took = time.monotonic() - began

    assert took < HUNG_SECONDS + BUSY
    assert (native.folder / "server.log").read_text().endswith("database system is shut down\n")


def test_an_orphan_that_is_stopped_is_replaced_at_once(native: EmbeddedServer) -> None:
    """What a killed service left behind, and hangs, is ended by the next start, which finds all that was committed."""
    orphan = EmbeddedServer(native.folder)
    with orphan.started():
        ask(orphan, "INSERT INTO kept VALUES ('orphan')")
        stop_for_good(orphan)
        began = time.monotonic()
        with native.running():
            took = time.monotonic() - began
            found = ask(native, "SELECT count(*) FROM kept WHERE token = 'orphan'")

    assert took < HUNG_SECONDS + BUSY
    assert found == "1"


def test_a_server_that_hangs_while_it_starts_delays_nobody(data_dir: Path) -> None:
    """Another one serves: the start goes on without it, and so does the stop."""
    data = folder_of(data_dir, "spare") / "data"
    # A standby without a primary, which lets nobody in, is "starting" for ever.
    (data / "standby.signal").touch()
    (data / "postgresql.auto.conf").write_text("hot_standby = off\n")
    began = time.monotonic()
    with Supervisor(data_dir, lambda _: False, print).running(["native", "spare"]):
        started = time.monotonic() - began
        states = [status_of(folder_of(data_dir, name)).state for name in ("native", "spare")]
        began = time.monotonic()
    stopped = time.monotonic() - began

    assert states == [ServerState.RUNNING, ServerState.STARTING]
    assert started < PATIENCE_SECONDS + BUSY
    assert stopped < HUNG_SECONDS + BUSY
