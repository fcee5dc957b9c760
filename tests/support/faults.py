"""What goes wrong with a PostgreSQL server: it stops answering, is killed, or loses its sessions."""

import asyncio
import contextlib
import os
import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

from sqlalchemy import make_url

from providers.base import MemoryProvider
from providers.errors import Unavailable
from providers.native.embedded import EmbeddedServer
from tests.support.postgres import connected

_TURN = 0.01  # seconds


def processes_of(server: EmbeddedServer) -> list[int]:
    """Return the server's own process and those it has started."""
    pid = int((server.folder / "data" / "postmaster.pid").read_text().splitlines()[0])
    children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [pid, *map(int, children)]


@contextlib.contextmanager
def hanging(server: EmbeddedServer) -> Iterator[None]:
    """Stop every process of the server where it is; afterwards they go on."""
    _signal(server, signal.SIGSTOP)
    try:
        yield
    finally:
        _signal(server, signal.SIGCONT)


def stop_for_good(server: EmbeddedServer) -> None:
    """Stop every process of the server where it is; whoever ends it has to wake it."""
    _signal(server, signal.SIGSTOP)


@contextlib.contextmanager
def slowed(server: EmbeddedServer, factor: float) -> Iterator[None]:
    """Let the server run for one of `factor` parts of the time, in turns of a hundredth of a second."""
    over = threading.Event()

    def take_turns() -> None:
        while not over.wait(_TURN):
            with hanging(server):
                over.wait(_TURN * (factor - 1))

    turns = threading.Thread(target=take_turns)
    turns.start()
    try:
        yield
    finally:
        over.set()
        turns.join()


def kill(server: EmbeddedServer) -> None:
    """End every process of the server at once, as a power cut would."""
    _signal(server, signal.SIGKILL)


async def served_again(provider: MemoryProvider, user: str) -> None:
    """Ask until the provider answers, which it must do within some seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            await provider.list_memories(user)
        except Unavailable:
            assert time.monotonic() < deadline, "no service any more"
            await asyncio.sleep(0.05)
        else:
            return


async def waits_for_lock(server: EmbeddedServer, dsn: str) -> None:
    """Wait until a statement in one database waits for another's lock."""
    sql = "SELECT count(*) FROM pg_stat_activity WHERE datname = $1 AND wait_event_type = 'Lock'"
    deadline = time.monotonic() + 10
    async with connected(server.dsn) as connection:
        while not await connection.fetchval(sql, make_url(dsn).database):
            assert time.monotonic() < deadline, "nobody waits"
            await asyncio.sleep(0.02)


async def end_sessions(server: EmbeddedServer, dsn: str) -> int:
    """Let the server end every session of one database, and return how many there were."""
    async with connected(server.dsn) as connection:
        sql = "SELECT count(pg_terminate_backend(pid, 5000)) FROM pg_stat_activity WHERE datname = $1"
        return int(await connection.fetchval(sql, make_url(dsn).database))


async def end_waiting_sessions(server: EmbeddedServer, dsn: str) -> int:
    """Let the server end the sessions of one database that wait for another's transaction; return how many there were.

    The session they wait for goes on: were it ended first, the waiting ones would get the lock and finish.
    """
    return await _count_waiting(server, dsn, "pg_terminate_backend(pid, 5000)")


async def cancel_statements(server: EmbeddedServer, dsn: str) -> int:
    """Let the server cancel what the sessions of one database wait for, and return how many waited for a lock."""
    return await _count_waiting(server, dsn, "pg_cancel_backend(pid)")


async def _count_waiting(server: EmbeddedServer, dsn: str, action: str) -> int:
    async with connected(server.dsn) as connection:
        sql = f"SELECT count({action}) FROM pg_stat_activity WHERE datname = $1 AND wait_event = 'transactionid'"  # noqa: S608 - the callers' constants
        return int(await connection.fetchval(sql, make_url(dsn).database))


def _signal(server: EmbeddedServer, number: signal.Signals) -> None:
    for pid in processes_of(server):
        with contextlib.suppress(ProcessLookupError):  # a session may end by itself meanwhile
            os.kill(pid, number)
