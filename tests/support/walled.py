"""A database behind row-level security, and a role that owns nothing in it."""

import contextlib
from collections.abc import AsyncIterator
from uuid import uuid4

from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.row_security import RowSecurity
from tests.support.postgres import connected, create_database, drop_database

_PRIVILEGES = "SELECT, INSERT, UPDATE, DELETE"


@contextlib.asynccontextmanager
async def application_role(dsn: str) -> AsyncIterator[str]:
    """Yield the dsn of a database for a fresh role that may read and write all tables."""
    role = f"app_{uuid4().hex}"
    async with connected(dsn) as connection:
        await connection.execute(f"CREATE ROLE {role} LOGIN")
        await connection.execute(f"GRANT {_PRIVILEGES} ON ALL TABLES IN SCHEMA public TO {role}")
    try:
        yield make_url(dsn).set(username=role).render_as_string(hide_password=False)
    finally:
        async with connected(dsn) as connection:
            await connection.execute(f"DROP OWNED BY {role}")
            await connection.execute(f"DROP ROLE {role}")


@contextlib.asynccontextmanager
async def walled_database(server: EmbeddedServer) -> AsyncIterator[str]:
    """Yield the dsn of a fresh database behind the wall, for a role that the wall holds."""
    dsn = await create_database(server)
    try:
        async with application_role(dsn) as application:
            async with open_engine(dsn, pool_size=1) as owner, open_engine(application, pool_size=1) as engine:
                state = await RowSecurity(engine, owner).switch(up=True)
            assert (state.up, state.bypassed, state.owned) == (True, False, False)
            yield application
    finally:
        await drop_database(server, dsn)
