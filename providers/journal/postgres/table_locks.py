"""The locks under which the steps change a journal's tables while other programs work with them.

The steps change several tables in one transaction. If they locked each as they come to it, they would sooner or later
stand in a deadlock with a statement that has the next one and waits for the first, and which of both fails is not
theirs to choose. So all are locked beforehand, and never waited for as long as a server waits before it looks for
deadlocks, a second by default: what cannot be had is asked for again after all was let go.
"""

import asyncio

from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

_OWNED = text("""
    SELECT pg_has_role(relowner, 'USAGE') FROM pg_catalog.pg_class
    WHERE oid = CAST('ninai_journal_entries' AS regclass)
""")
_LOCK = "LOCK TABLE ninai_journal_members, ninai_journal_entries, ninai_journal IN ACCESS EXCLUSIVE MODE"
_TIMEOUT = text("SELECT set_config('lock_timeout', :timeout, true)")
_FORMER_TIMEOUT = text("SELECT current_setting('lock_timeout')")
_TIMEOUT_MS = 100  # for each table
_PAUSE = 0.05  # seconds
_NOT_AVAILABLE = "55P03"  # lock_not_available


async def lock_tables(connection: AsyncConnection) -> None:
    """Lock all tables that steps change until the transaction ends, however long that takes.

    A role that may not change them locks nothing: its steps will be refused, and nobody need wait for that.
    """
    if not await connection.scalar(_OWNED):
        return
    former = await connection.scalar(_FORMER_TIMEOUT)
    await connection.execute(_TIMEOUT, {"timeout": str(_TIMEOUT_MS)})
    while not await _locked(connection):  # noqa: ASYNC110 - nobody tells when a lock is free
        await asyncio.sleep(_PAUSE)
    await connection.execute(_TIMEOUT, {"timeout": former})


async def _locked(connection: AsyncConnection) -> bool:
    try:
        async with connection.begin_nested():
            await connection.exec_driver_sql(_LOCK)
    except DBAPIError as error:
        if getattr(error.orig, "sqlstate", None) != _NOT_AVAILABLE:
            raise
        return False
    return True
