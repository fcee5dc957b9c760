"""Stores that are put back to what they were: databases from copies, and a standby that is promoted."""

import asyncio
import contextlib
import signal
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.native.embedded.binaries import reachable_binaries
from providers.native.embedded.cluster import OWNER
from providers.native.embedded.folder import private_folder
from providers.native.embedded.os_user import os_user_for
from providers.native.embedded.processes import run, spawn
from tests.support.faults import end_sessions
from tests.support.following import eventually
from tests.support.mem0_oss import Mem0Process
from tests.support.postgres import connected, reachable_folder

_START_SECONDS = 60.0
_STOP_SECONDS = 30.0
_POLL = 0.05


async def copied(server: EmbeddedServer, dsn: str) -> str:
    """Copy a database as it is now, and return the name of the copy; sessions of the database are ended."""
    copy = f"copy_{uuid4().hex}"
    async with _nobody_in(server, dsn), connected(server.dsn) as connection:
        await connection.execute(f"CREATE DATABASE {copy} TEMPLATE {make_url(dsn).database} STRATEGY FILE_COPY")
    return copy


async def put_back(server: EmbeddedServer, dsn: str, copy: str) -> None:
    """Put a copy in the place of the database, as a restored backup is; the copy is used up by it.

    Who had a session finds it ended, and connects again under the same dsn.
    """
    name = make_url(dsn).database
    async with connected(server.dsn) as connection:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        await connection.execute(f"DROP DATABASE {name} WITH (FORCE)")
        await connection.execute(f"ALTER DATABASE {copy} RENAME TO {name}")


@contextlib.asynccontextmanager
async def stopped(service: Mem0Process) -> AsyncIterator[None]:
    """Keep a mem0 down meanwhile, so that its database can be copied or put back; afterwards it has the same port."""
    service.kill()
    try:
        yield
    finally:
        await service.start()


@contextlib.asynccontextmanager
async def _nobody_in(server: EmbeddedServer, dsn: str) -> AsyncIterator[None]:
    """Keep everybody out of a database meanwhile."""
    name = make_url(dsn).database
    async with connected(server.dsn) as connection:
        await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false")
        try:
            await end_sessions(server, dsn)
            yield
        finally:
            await connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true")


class Standby:
    """A server that follows another one, until it is promoted."""

    def __init__(self, sockets: Path) -> None:
        self._sockets = sockets

    def dsn_of(self, dsn: str) -> str:
        """Return the dsn here of a database of the primary."""
        there = make_url(dsn).update_query_dict({"host": str(self._sockets)})
        return there.render_as_string(hide_password=False)

    async def caught_up(self, primary: str) -> None:
        """Wait until it shows everything that its primary, at a dsn, has committed by now."""
        async with connected(primary) as connection:
            position = await connection.fetchval("SELECT pg_current_wal_flush_lsn()")
        async with connected(self.dsn_of(primary)) as connection:

            async def is_there() -> bool:
                return bool(await connection.fetchval("SELECT pg_last_wal_replay_lsn() >= $1::pg_lsn", position))

            await eventually(is_there)

    async def cut_off(self, dsn: str) -> None:
        """Let it receive nothing from now on, so that it lacks whatever its primary commits."""
        async with connected(self.dsn_of(dsn)) as connection:
            await connection.execute("ALTER SYSTEM SET primary_conninfo = ''")
            await connection.execute("SELECT pg_reload_conf()")

            async def is_cut_off() -> bool:
                return not await connection.fetchval("SELECT count(*) FROM pg_stat_wal_receiver")

            await eventually(is_cut_off)

    async def promote(self, dsn: str) -> None:
        """Make it a primary of its own; whatever it has received is there then."""
        async with connected(self.dsn_of(dsn)) as connection:
            assert await connection.fetchval("SELECT pg_promote()")


@contextlib.asynccontextmanager
async def running_standby(primary: EmbeddedServer, major: int) -> AsyncIterator[Standby]:
    """Run a standby of a server for as long as the context lasts, in a folder that is gone afterwards."""
    with reachable_folder() as folder:
        os_user = os_user_for(primary.folder)
        binaries = reachable_binaries(wheel_binaries(major), primary.folder.parent, os_user)
        place = folder / "standby"
        private_folder(place, os_user)
        data, dsn = place / "data", make_url(primary.dsn)
        source: list[str | Path] = ["-h", str(dsn.query["host"]), "-p", "5432", "-U", OWNER]
        status, output = run([binaries / "pg_basebackup", *source, "-D", data, "-R", "-c", "fast"], os_user, cwd=place)
        assert status == 0, output
        settings = {
            "listen_addresses": "",
            "port": "5432",
            "unix_socket_directories": str(place),
            "wal_retrieve_retry_interval": "100ms",
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        process = spawn([binaries / "postgres", "-D", data, *options], os_user, cwd=place, stdout=subprocess.DEVNULL)
        with _ended(process):
            standby = Standby(place)
            await _answers(process, standby.dsn_of(primary.dsn))
            yield standby


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    try:
        yield
    finally:
        process.send_signal(signal.SIGINT)  # a fast shutdown
        process.wait(_STOP_SECONDS)


async def _answers(process: subprocess.Popen[bytes], dsn: str) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while True:
        try:
            async with connected(dsn):
                return
        except (OSError, asyncpg.PostgresError) as error:
            if process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError("the standby does not answer") from error
        await asyncio.sleep(_POLL)
