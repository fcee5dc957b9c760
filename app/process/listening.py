"""The announcement that the service listens, made once the first worker accepts connections."""

import codecs
import socket
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from threading import Event, Thread

POLL_SECONDS = 0.05
_CONNECT_SECONDS = 1.0


@contextmanager
def announcing(host: str, port: int, announce: Callable[[], None]) -> Iterator[None]:
    """Call `announce` as soon as the port accepts connections, unless the context ends before.

    The server has no event for this: its workers open their sockets by themselves, after the application has started.
    They are forked meanwhile. So the thread imports nothing: a worker that is forked in the middle of an import has the
    lock of the module without the thread that would release it, and stands still as soon as it imports the same.
    """
    codecs.lookup("idna")  # which the first connection by a name would import
    ended = Event()
    waiting = Thread(target=_announce_once, args=(host, port, announce, ended), name="announcement", daemon=True)
    waiting.start()
    try:
        yield
    finally:
        ended.set()
        waiting.join(_CONNECT_SECONDS)


def _announce_once(host: str, port: int, announce: Callable[[], None], ended: Event) -> None:
    while not ended.wait(POLL_SECONDS):
        if _accepts(host, port):
            announce()
            return


def _accepts(host: str, port: int) -> bool:
    with suppress(OSError), socket.create_connection((host, port), _CONNECT_SECONDS):
        return True
    return False
