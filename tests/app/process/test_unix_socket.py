"""A Unix socket where the service listens beside its port."""

import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from app.process.further_listener import CannotListen
from app.process.unix_socket import PERMISSIONS, make_room
from app.settings import load
from app.settings.errors import ConfigError
from app.settings.model import MAX_SOCKET_BYTES
from tests.support.api import running_app
from tests.support.postgres import reachable_folder
from tests.support.service import ninai

MOCK = {"MEMORY_PROVIDER": "mock"}


@pytest.fixture
def path() -> Iterator[Path]:
    """Where a socket is made; pytest's own folders have names that are too long for one."""
    with reachable_folder() as folder:
        yield folder / "s"


def through(path: Path) -> httpx.AsyncClient:
    """A client that connects to a socket."""
    return httpx.AsyncClient(transport=httpx.AsyncHTTPTransport(uds=str(path)), base_url="http://localhost")


async def test_callers_are_served_through_it_and_it_is_gone_afterwards(path: Path) -> None:
    """Memories, for the user and the group alone; a client without an address is none that fails."""
    async with running_app({**MOCK, "NINAI__SERVER__SOCKET": str(path), "NINAI__AUDIT__ENABLED": "true"}):
        mode = os.stat(path).st_mode  # noqa: PTH116 - of a file in memory
        async with through(path) as http:
            stored = await http.post("/memory/remember", json={"content": "likes tea", "user_id": "alice"})
            found = await http.post("/memory/recall", json={"query": "tea", "user_id": "alice"})
            page = await http.get("/console")

    assert (stat.S_ISSOCK(mode), stat.S_IMODE(mode)) == (True, PERMISSIONS)
    assert (stored.status_code, found.json()["count"], page.status_code) == (200, 1, 200)
    assert not os.path.exists(path)  # noqa: PTH110, ASYNC240 - as above


async def test_one_that_a_killed_service_left_is_replaced(path: Path) -> None:
    """Nobody listens there."""
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(path))

    async with running_app({**MOCK, "NINAI__SERVER__SOCKET": str(path)}), through(path) as http:
        assert (await http.get("/livez")).status_code == 200


@pytest.mark.thorough
def test_one_where_somebody_listens_is_left_to_it(path: Path) -> None:
    """The service does not start, and says why."""
    with socket.socket(socket.AF_UNIX) as other:
        other.bind(str(path))
        other.listen()

        ended = ninai("serve", "--port", "0", **MOCK, NINAI__SERVER__SOCKET=str(path))

        assert path.is_socket()
    assert ended.returncode == 1
    assert f"cannot listen on the socket {path}: another process does" in ended.stderr


def test_no_other_file_is_removed_for_it(path: Path) -> None:
    """A path that was typed wrong costs nobody a file."""
    path.write_text("mine")

    with pytest.raises(CannotListen, match="there is another file"):
        make_room(path)

    assert path.read_text() == "mine"


@pytest.mark.parametrize(
    ("size", "workers", "reason"),
    [
        (MAX_SOCKET_BYTES, 1, None),
        (MAX_SOCKET_BYTES + 1, 1, "expected a path of at most 107 bytes, got 108"),
        (20, 2, "one process alone can listen there, and server.workers is 2"),
    ],
)
def test_what_cannot_be_listened_on_is_refused_at_the_start(size: int, workers: int, reason: str | None) -> None:
    """Too long a path, and one for several processes."""
    environ = {**MOCK, "NINAI__SERVER__SOCKET": "/" + "s" * (size - 1), "NINAI__SERVER__WORKERS": str(workers)}

    if reason is None:
        assert load(None, environ=environ).settings.server.socket is not None
    else:
        with pytest.raises(ConfigError, match=reason):
            load(None, environ=environ)
