"""The address of the service is printed once it listens, and not before."""

import socket
import subprocess
import sys
from pathlib import Path
from threading import Event

import pytest

from app.process.listening import POLL_SECONDS, announcing
from tests.support.service import NINAI, environment

HOST = "127.0.0.1"
WAIT_SECONDS = 5.0

PROBE = """
import socket, sys, threading
from app.process import listening

listening.POLL_SECONDS = 1.0  # time to look before the first connection
with socket.create_server(("127.0.0.1", 0)) as server:
    announced = threading.Event()
    with listening.announcing("127.0.0.1", server.getsockname()[1], announced.set):
        before = set(sys.modules)
        assert announced.wait(30)
print(sorted(set(sys.modules) - before))
"""


def test_it_is_announced_once_the_port_accepts_connections() -> None:
    """A port that is bound, but does not listen, is not announced."""
    announced = Event()
    with socket.socket() as server:
        server.bind((HOST, 0))
        with announcing(HOST, server.getsockname()[1], announced.set):
            early = announced.wait(10 * POLL_SECONDS)
            server.listen()
            late = announced.wait(WAIT_SECONDS)

    assert (early, late) == (False, True)


def test_a_server_that_ends_before_it_listens_is_not_announced() -> None:
    """After the end of the context a port that listens belongs to another process."""
    announced = Event()
    with socket.socket() as server:
        server.bind((HOST, 0))
        with announcing(HOST, server.getsockname()[1], announced.set):
            pass
        server.listen()

        assert not announced.wait(10 * POLL_SECONDS)


def test_the_thread_that_waits_imports_nothing() -> None:
    """A worker that is forked in the middle of an import would wait for ever for the lock of the module."""
    ended = subprocess.run([sys.executable, "-c", PROBE], capture_output=True, text=True, check=True)  # noqa: S603 - our own text

    assert ended.stdout == "[]\n"


@pytest.mark.thorough
def test_a_client_that_reads_the_address_can_connect_at_once(tmp_path: Path) -> None:
    """The line of `ninai serve` is true when it is printed."""
    with subprocess.Popen(  # noqa: S603 - our own command
        [NINAI, "serve", "--port", "0", "--data-dir", tmp_path],
        env=environment(MEMORY_PROVIDER="mock"),
        stderr=subprocess.PIPE,
        text=True,
    ) as service:
        assert service.stderr is not None
        line = next(line for line in service.stderr if line.startswith("ninaivalaigal on "))
        port = int(line.split()[2].rpartition(":")[2])
        with socket.create_connection((HOST, port)):
            pass
        service.terminate()
        service.communicate()

    assert service.returncode == 0
