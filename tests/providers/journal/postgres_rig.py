"""The functions that the tests of the journal in PostgreSQL share."""

import asyncio
import contextlib
import time
from collections.abc import AsyncIterator
from typing import Any, cast

from observability.secret import Secret
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.postgres.journal import PostgresJournal
from providers.journal.postgres.settings import PostgresJournalSettings
from tests.support.native import host_for
from tests.support.postgres import connected


@contextlib.asynccontextmanager
async def opened(dsn: str, **others: object) -> AsyncIterator[PostgresJournal]:
    """Hold a journal on a database; `others` are fields of its settings."""
    # A busy machine may need longer than a write should.
    settings = PostgresJournalSettings(dsn=Secret(dsn), **cast("dict[str, Any]", {"timeout": 10.0} | others))
    async with settings.open(host_for()) as journal:
        assert isinstance(journal, PostgresJournal)
        yield journal


@contextlib.asynccontextmanager
async def memory_held(dsn: str, user: str, memory_id: str) -> AsyncIterator[None]:
    """Hold the lock of a memory that does not exist yet, so that appends to it wait; then release it."""
    async with connected(dsn) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(
            "INSERT INTO ninai_journal_entries VALUES ($1, $2, -1, 'delete', 1, '', '', now())", user, memory_id
        )
        yield
        if not connection.is_closed():
            await transaction.rollback()


async def answers_again(journal: Journal) -> None:
    """Repeat a read until the journal answers, which it must do within some seconds."""
    deadline = time.monotonic() + 10
    while True:
        try:
            await journal.members()
        except JournalUnavailable:
            assert time.monotonic() < deadline, "no journal any more"
            await asyncio.sleep(0.05)
        else:
            return
