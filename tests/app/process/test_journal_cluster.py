"""A journal that would go down together with a provider is told of."""

from collections.abc import AsyncIterator

import pytest_asyncio

from app.process.journal_cluster import warn_of_shared_clusters
from app.settings import Settings, load
from providers.native.embedded import EmbeddedServer
from tests.support.following import listened
from tests.support.postgres import create_database, drop_database


@pytest_asyncio.fixture
async def journal(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database for a journal, in the same cluster as every other of the tests."""
    dsn = await create_database(postgres_server, "template1")
    yield dsn
    await drop_database(postgres_server, dsn)


def settings(journal: str, dsn: str) -> Settings:
    """A provider on one database, with the journal in another."""
    environ = {
        "MEMORY_PROVIDER": "mock,native",
        "DATABASE_URL": dsn,
        "NINAI__JOURNAL__KIND": "postgres",
        "NINAI__JOURNAL__DSN": journal,
    }
    return load(None, environ=environ).settings


async def test_a_journal_in_the_cluster_of_a_provider_is_warned_of(journal: str, database: str) -> None:
    """The log names the provider that the journal would go down with."""
    with listened() as events:
        await warn_of_shared_clusters(settings(journal, database))

    [told] = [event for event in events() if event["event"] == "journal_shares_cluster"]
    assert (told["level"], told["provider"]) == ("warning", "native")


async def test_a_file_for_a_journal_is_not_compared(database: str) -> None:
    """A journal that is no database shares no cluster."""
    environ = {"MEMORY_PROVIDER": "mock,native", "DATABASE_URL": database}
    with listened() as events:
        await warn_of_shared_clusters(load(None, environ=environ).settings)

    assert events() == []
