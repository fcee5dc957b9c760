"""Clients that speak HTTP over bare sockets, as slowly as they like, or not at all."""

import contextlib
import socket
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Self
from urllib.parse import urlsplit

PATIENCE = 30.0
_SMALL_BUFFER = 4096
_READ = 65_536


class RawClient:
    """One connection to a service, from an address of this machine."""

    def __init__(self, url: str, source: str = "127.0.0.1", *, small: bool = False) -> None:
        at = urlsplit(url)
        assert at.hostname is not None
        assert at.port is not None
        self._socket = socket.socket()
        self._socket.settimeout(PATIENCE)
        if small:  # so that little of an answer is taken for read that nobody has read
            self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, _SMALL_BUFFER)
        self._socket.bind((source, 0))
        self._socket.connect((at.hostname, at.port))
        self.port: int = self._socket.getsockname()[1]

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()

    def send(self, text: bytes) -> Self:
        """Send something, all of it."""
        self._socket.sendall(text)
        return self

    def send_what_is_taken(self, text: bytes) -> Self:
        """Send something until nothing more is taken, as a client does that nobody listens to."""
        with contextlib.suppress(OSError):
            self._socket.setblocking(False)
            self._socket.send(text)
        self._socket.settimeout(PATIENCE)
        return self

    def ask(self, path: str, *headers: str) -> Self:
        """Ask for something with GET."""
        return self.send(head("GET", path, *headers))

    def status(self) -> int:
        """Return the status of the next answer."""
        said = b""
        while b"\r\n" not in said:
            part = self._socket.recv(_READ)
            assert part, f"closed after {said!r}"
            said += part
        return int(said.split()[1])

    def rest(self, pause: float = 0.0, size: int = _READ) -> bytes:
        """Return everything that comes until the other side closes, in pieces with a pause between them."""
        said = b""
        with contextlib.suppress(ConnectionError):
            while part := self._socket.recv(size):
                said += part
                time.sleep(pause)
        return said

    def is_open(self) -> bool:
        """Return whether nothing has come yet, not even the end."""
        self._socket.setblocking(False)
        try:
            return self._socket.recv(1, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except ConnectionError:
            return False
        finally:
            self._socket.settimeout(PATIENCE)


_ESTABLISHED, _CLOSE_WAIT = "01", "08"  # as the kernel numbers them


def head(method: str, path: str, *headers: str) -> bytes:
    """Return the head of a request."""
    return "\r\n".join((f"{method} {path} HTTP/1.1", "Host: localhost", *headers, "", "")).encode()


@contextlib.contextmanager
def several(url: str, number: int, source: str = "127.0.0.1") -> Iterator[list[RawClient]]:
    """Yield so many connections that have sent nothing yet."""
    with contextlib.ExitStack() as stack:
        yield [stack.enter_context(RawClient(url, source)) for _ in range(number)]


def held_by_kernel(url: str, client: RawClient) -> bool:
    """Return whether the service's kernel still knows of a connection, also where no process has it any more."""
    ends = (f":{urlsplit(url).port:04X}", f":{client.port:04X}")
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return any(row[1].endswith(ends[0]) and row[2].endswith(ends[1]) for row in rows)


def connections_of(url: str) -> int:
    """Return how many connections a service on this machine holds open, also those that its callers have closed."""
    end = f":{urlsplit(url).port:04X}"
    rows = (line.split() for line in Path("/proc/net/tcp").read_text().splitlines()[1:])
    return sum(row[1].endswith(end) and row[3] in {_ESTABLISHED, _CLOSE_WAIT} for row in rows)


def wait_for(condition: object, what: str) -> None:
    """Wait until something is so."""
    assert callable(condition)
    deadline = time.monotonic() + PATIENCE
    while not condition():
        assert time.monotonic() < deadline, f"waited for {what}"
        time.sleep(0.05)
