"""Of a large answer no more is read out of the database than its bound in bytes allows."""

from collections.abc import AsyncIterator
from typing import Any

import pytest

from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.listing import page_statement
from providers.native.search import recall_statement
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.types import NewMemory, PageQuery, RecallQuery
from tests.support.native import open_native_provider
from tests.support.postgres import create_database, drop_database

USER = "kannan"
COUNT = 10
SIZE = 20_000
LONG = "tea ".ljust(SIZE, "x")
QUERY = RecallQuery(owner=Owner(USER), query="tea", limit=100)


@pytest.fixture(scope="module")
async def dsn(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database with some long memories of one user."""
    name = await create_database(postgres_server)
    async with open_native_provider(name) as provider:
        await provider.store_many([NewMemory(owner=Owner(USER), content=LONG)] * COUNT)
    yield name
    await drop_database(postgres_server, name)


async def rows_of(dsn: str, statement: BoundSql) -> list[Any]:
    """Run a statement."""
    async with open_engine(dsn, pool_size=1) as engine, engine.connect() as connection:
        return list((await connection.exec_driver_sql(statement.text, statement.values)).all())


@pytest.mark.parametrize(("most_bytes", "read"), [(1, 1), (SIZE, 1), (SIZE + 1, 2), (COUNT * SIZE, COUNT)])
async def test_of_a_page_the_rows_that_begin_within_the_bound_are_read(dsn: str, most_bytes: int, read: int) -> None:
    """The last of them may be too much; how many the page has in all is told."""
    rows = await rows_of(dsn, page_statement(PageQuery(owner=Owner(USER), limit=100, most_bytes=most_bytes)))

    assert (len(rows), {row.found for row in rows}) == (read, {COUNT})


@pytest.mark.parametrize(("most_bytes", "read"), [(COUNT * SIZE - 1, 1), (COUNT * SIZE, COUNT)])
async def test_of_a_recall_that_is_too_large_one_row_is_read(dsn: str, most_bytes: int, read: int) -> None:
    """Which tells the size of all; one that fits is read whole."""
    statement = recall_statement(RecallQuery(owner=Owner(USER), query="tea", most_bytes=most_bytes), {}, 0.5)

    rows = await rows_of(dsn, statement)

    assert (len(rows), {row.size for row in rows}) == (read, {COUNT * SIZE})


def test_an_ordinary_answer_is_not_measured() -> None:
    """Where no answer can be too large the statement is the plain one; with a smaller bound it is not."""
    plain = recall_statement(QUERY, {}, 0.5)
    usual = recall_statement(RecallQuery(owner=Owner(USER), query="tea", limit=100, most_bytes=2**24), {}, 0.5)
    bounded = recall_statement(RecallQuery(owner=Owner(USER), query="tea", limit=100, most_bytes=2**20), {}, 0.5)

    assert usual == plain
    assert bounded.text != plain.text
    assert bounded.values == (*plain.values, 2**20)
