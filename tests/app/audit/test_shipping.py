"""Where entries and the ends of chains go beside the files."""

import socket
from pathlib import Path

import pytest

from app.audit.shipping import NotShipped, Syslog
from app.audit.verifying import verify
from tests.support.api import Api, asgi_client
from tests.support.audited import audited_app, only_file
from tests.support.canary import logged_into_memory


async def test_every_entry_goes_to_the_syslog_and_the_end_of_the_chain_into_the_log(tmp_path: Path) -> None:
    """The same line as in the file, and the last entry of it."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server, logged_into_memory() as log:
        server.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{server.getsockname()[1]}"
        async with audited_app(tmp_path, NINAI__AUDIT__SYSLOG=address) as app, asgi_client(app) as http:
            await Api(http, "alice").remember("likes tea")
        lines = only_file(tmp_path).read_bytes().splitlines()
        received = [server.recv(65_536) for _ in lines]

        [end] = log.events("audit_head")
    assert received == [b"<38>ninai-audit: " + line for line in lines]
    assert end["seq"] == verify(tmp_path).entries == len(lines)


def test_a_syslog_that_is_not_there_is_told(tmp_path: Path) -> None:
    """Each line anew, since it may come."""
    syslog = Syslog(str(tmp_path / "log"))

    with pytest.raises(NotShipped):
        syslog.send(b"{}\n")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as server:
        server.bind(str(tmp_path / "log"))
        syslog.send(b"{}\n")
        assert server.recv(100) == b"<38>ninai-audit: {}"
    syslog.close()
