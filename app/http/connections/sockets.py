"""The connections of clients that this process holds, as the kernel tells of them: the server itself tells nothing."""

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
# A network of this size is what one IPv6 customer gets, who may take any address in it (RFC 6177).
_IPV6_CUSTOMER = 64
# What the kernel takes over beyond what is on its way. It has room for megabytes, and the server would believe that a
# client has read them.
UNSENT_BYTES = 128 * 1024
# In `struct tcp_info`, `linux/tcp.h`: `tcpi_bytes_acked`, since Linux 4.1.
_BYTES_ACKED = struct.Struct("120xQ")
# Closed at once, with a reset, and without what has not been sent.
_NO_LINGER = struct.pack("ii", 1, 0)


class Connection(Struct, frozen=True):
    """One connection: `inode` is its alone, `file` is its number in this process, `client` its other end."""

    inode: int
    file: int
    port: int
    client: tuple[str, int]

    @property
    def peer(self) -> str:
        """Who is at the other end."""
        return peer_of(self.client[0])


def peer_of(host: str) -> str:
    """Give whom an address stands for: itself, and in IPv6 the network of its customer."""
    address = ip_address(host)
    if isinstance(address, IPv6Address):
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return f"{IPv6Address(int(address) >> _IPV6_CUSTOMER << _IPV6_CUSTOMER)}/{_IPV6_CUSTOMER}"
    return str(address)


class Sockets:
    """Find the connections to some ports of our own, and end them; they stay the server's, which notices it."""

    def __init__(self, ports: Collection[int]) -> None:
        self._ports = frozenset(ports)
        # What was found out about every open socket, None where it is no connection of a client; oldest first.
        self._known: dict[int, Connection | None] = {}

    def look(self) -> list[Connection]:
        """Give the connections there are, oldest first.

        Raises:
            OSError: there is no /proc.
        """
        known: dict[int, Connection | None] = {}
        new: dict[int, Connection | None] = {}
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

    def acknowledged(self, connection: Connection) -> int | None:
        """Give how many bytes the client has ever acknowledged, None where none wait for that."""
        with suppress(OSError):
            if fcntl.ioctl(connection.file, termios.TIOCOUTQ, bytes(4)) != bytes(4):
                with socket.socket(fileno=os.dup(connection.file)) as held:
                    told = held.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, _BYTES_ACKED.size)
                    return int(_BYTES_ACKED.unpack(told)[0])
        return None

    def cut(self, connection: Connection) -> bool:
        """End a connection; tell whether it was still there."""
        with suppress(OSError), socket.socket(fileno=os.dup(connection.file)) as held:
            # Held by a number of its own it cannot become another one between look and act.
            if os.fstat(held.fileno()).st_ino == connection.inode:
                held.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _NO_LINGER)
                held.shutdown(socket.SHUT_RDWR)
                return True
        return False

    def _inspected(self, file: int) -> Connection | None:
        with socket.socket(fileno=os.dup(file)) as held:
            if held.family not in _INTERNET or held.type != socket.SOCK_STREAM:
                return None
            port = held.getsockname()[1]
            if port not in self._ports:
                return None
            # Set on what listens, too, whose connections inherit it.
            held.setsockopt(socket.IPPROTO_TCP, socket.TCP_NOTSENT_LOWAT, UNSENT_BYTES)
            try:
                host, other = held.getpeername()[:2]
            except OSError:  # it listens, or its client has left
                return None
            # Without the interface of a link-local address, which others do not tell either.
            return Connection(os.fstat(held.fileno()).st_ino, file, port, (host.partition("%")[0], other))
