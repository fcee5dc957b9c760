"""The connections of clients that this process holds, read from the kernel, since the server does not show them."""

import fcntl
import os
import socket
import stat
import struct
import termios
from collections.abc import Collection
from contextlib import suppress
from ipaddress import IPv6Address, ip_address
from pathlib import Path

from msgspec import Struct

_OPEN_FILES = Path("/proc/self/fd")
_INTERNET = (socket.AF_INET, socket.AF_INET6)
# A network of this size is what one IPv6 customer gets, who may use any address in it (RFC 6177).
_IPV6_CUSTOMER = 64
# What the kernel buffers beyond the unacknowledged bytes. It has room for megabytes, and the server would count them as
# read by the client.
UNSENT_BYTES = 128 * 1024
# In `struct tcp_info`, `linux/tcp.h`: `tcpi_bytes_acked`, since Linux 4.1.
_BYTES_ACKED = struct.Struct("120xQ")
# Closed at once, with a reset, and without what has not been sent.
_NO_LINGER = struct.pack("ii", 1, 0)


class ClientConnection(Struct, frozen=True):
    """Describe one connection: `inode` is unique, `file` is its number in this process, `client` its other end."""

    inode: int
    file: int
    port: int
    client: tuple[str, int]

    @property
    def peer(self) -> str:
        """Return the client's address, or the network of its customer."""
        return peer_of(self.client[0])


def peer_of(host: str) -> str:
    """Return the peer that an address stands for: itself, and in IPv6 the network of its customer."""
    address = ip_address(host)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> _IPV6_CUSTOMER << _IPV6_CUSTOMER)}/{_IPV6_CUSTOMER}"
    return str(address)


class ClientSockets:
    """Find the connections to some ports of this process, and end them; the server owns them, and notices their end."""

    def __init__(self, ports: Collection[int]) -> None:
        self._ports = frozenset(ports)
        # Every open socket, None where it is no connection of a client; oldest first.
        self._known: dict[int, ClientConnection | None] = {}

    def connections(self) -> list[ClientConnection]:
        """Return the open connections, oldest first; raise `OSError` if there is no /proc."""
        known: dict[int, ClientConnection | None] = {}
        new: dict[int, ClientConnection | None] = {}
        for name in os.listdir(_OPEN_FILES):  # noqa: PTH208 - ten thousand names a second
            with suppress(OSError):  # closed since
                file = int(name)
                state = os.fstat(file)
                if not stat.S_ISSOCK(state.st_mode):
                    continue
                if state.st_ino in self._known:
                    known[state.st_ino] = self._known[state.st_ino]
                else:
                    new[state.st_ino] = self._inspected(file)
        self._known = {inode: known[inode] for inode in self._known if inode in known} | new
        return [one for one in self._known.values() if one is not None]

    def acknowledged(self, connection: ClientConnection) -> int | None:
        """Return how many bytes the client has ever acknowledged, None where none are unacknowledged."""
        with suppress(OSError):
            if fcntl.ioctl(connection.file, termios.TIOCOUTQ, bytes(4)) != bytes(4):
                with socket.socket(fileno=os.dup(connection.file)) as held:
                    info = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
                    return int(_BYTES_ACKED.unpack(info)[0])
        return None

    def cut(self, connection: ClientConnection) -> bool:
        """End a connection; return whether it was still open."""
        with suppress(OSError), socket.socket(fileno=os.dup(connection.file)) as held:
            # Duplicated into a number of its own, it cannot become another one before it is ended.
            if os.fstat(held.fileno()).st_ino == connection.inode:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                held.shutdown(socket.SHUT_RDWR)
                return True
        return False

    def _inspected(self, file: int) -> ClientConnection | None:
        with socket.socket(fileno=os.dup(file)) as held:
            if held.family not in _INTERNET or held.type != socket.SOCK_STREAM:
                return None
            port = held.getsockname()[1]
            if port not in self._ports:
                return None
            # Set on listening sockets too, whose connections inherit it.
            held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            try:
                host, other = held.getpeername()[:2]
            except OSError:  # it listens, or its client has disconnected
                return None
            # Without the interface of a link-local address, which others leave out as well.
            return ClientConnection(os.fstat(held.fileno()).st_ino, file, port, (host.partition("%")[0], other))
