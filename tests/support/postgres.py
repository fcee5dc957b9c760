"""A real PostgreSQL for the tests, and a fresh database in it for each of them."""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import asyncpg
from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.native.engine import open_engine
from providers.native.schema import Schema

MAJORS = (18, 16)

_TEMPLATE = "ninai_template"


@contextlib.contextmanager
def reachable_folder() -> Iterator[Path]:
    """Yield a temporary folder that every account can enter; pytest's own keeps out the account PostgreSQL runs as."""
    folder = Path(tempfile.mkdtemp(prefix="ninai-test-"))
    try:
        folder.chmod(0o755)
        yield folder
    finally:
        shutil.rmtree(folder)


@contextlib.contextmanager
def running_server(major: int) -> Iterator[EmbeddedServer]:
    """Yield a server of one major version in a folder of its own, gone afterwards."""
    with reachable_folder() as folder, EmbeddedServer(folder / "postgres", wheel_binaries(major)).running() as server:
        yield server


async def prepare_template(dsn: str) -> None:
    """Bring the database that every test's own is copied from into the state they expect; leave no connection open."""
    async with open_engine(dsn, pool_size=10) as engine:
        await Schema(engine).upgrade()


async def make_template(server: EmbeddedServer) -> None:
    """Make the template, once for each server and before the first `create_database`."""
    async with connected(server.dsn) as connection:
        await connection.execute(f"CREATE DATABASE {_TEMPLATE}")
    await prepare_template(_dsn_of(server, _TEMPLATE))


async def create_database(server: EmbeddedServer, template: str = _TEMPLATE, others: str = "") -> str:
    """Copy the template, and return the dsn of the copy, `postgresql+asyncpg://...`; `template1` gives an empty one.

    `others` are further options of CREATE DATABASE.
    """
    name = f"test_{uuid4().hex}"
    async with connected(server.dsn) as connection:
        # Copying files takes half the time of writing them through the log.
        await connection.execute(f"CREATE DATABASE {name} TEMPLATE {template} STRATEGY FILE_COPY {others}")
    return _dsn_of(server, name)


async def create_latin_database(server: EmbeddedServer) -> str:
    """Make an empty database that cannot hold every text, and return its dsn."""
    latin = "ENCODING 'LATIN1' LOCALE_PROVIDER libc LC_COLLATE 'C' LC_CTYPE 'C'"
    return await create_database(server, "template0", latin)


async def drop_database(server: EmbeddedServer, dsn: str) -> None:
    """Drop what `create_database` made, with every connection that is still open to it."""
    async with connected(server.dsn) as connection:
        await connection.execute(f"DROP DATABASE {make_url(dsn).database} WITH (FORCE)")


def libpq_dsn(dsn: str) -> str:
    """Write a SQLAlchemy dsn as libpq and asyncpg itself read it."""
    return dsn.replace("+asyncpg", "", 1).replace("ssl=", "sslmode=", 1)


@contextlib.asynccontextmanager
async def connected(dsn: str) -> AsyncIterator[Any]:
    """Yield a plain asyncpg connection to a SQLAlchemy dsn."""
    connection = await asyncpg.connect(libpq_dsn(dsn))
    try:
        yield connection
    finally:
        await connection.close()


def _dsn_of(server: EmbeddedServer, database: str) -> str:
    return make_url(server.dsn).set(database=database).render_as_string(hide_password=False)
