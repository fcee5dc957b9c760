"""What is set for one statement alone, and that memories are packed in the order in which they lie on the disk."""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any
from uuid import UUID

import pytest

from observability import tracing
from providers.native.changes import STORE
from providers.native.database import Database
from providers.native.distribution.forms import distributed_sql
from providers.native.engine import open_engine
from providers.native.packing import count_statement, ends_statement, page_statement, whole_statement
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.types import NewMemory
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected

ANNA = Owner("anna")
FIRST, LAST = UUID(int=0), UUID(int=(1 << 128) - 1)
MOST_BYTES = 10_000_000

PACKED = {
    f"{name} {contents}": statement
    for by_contents, contents in ((True, "with contents"), (False, "to rank"))
    for name, statement in {
        "whole": whole_statement(STORE, ANNA, MOST_BYTES, by_contents=by_contents),
        "page": page_statement(STORE, ANNA, FIRST, LAST, by_contents=by_contents),
    }.items()
}

UNREAD = {
    "count": count_statement(ANNA, MOST_BYTES),
    "ends": ends_statement(ANNA, 10),
}

_SHOWN = "SELECT current_setting('enable_indexscan') AS scan, current_setting('plan_cache_mode') AS plan"
_PLAIN = BoundSql(_SHOWN, ())
_FAILING = BoundSql("SELECT 1 / 0", (), in_page_order=True)
_SLOW = BoundSql("SELECT pg_sleep(60)", (), in_page_order=True)


class Recorded(tracing.Span):
    """A span for which SQLAlchemy runs statements."""

    recorded = True


@pytest.fixture
async def remembered(database: str) -> str:
    """A database with memories of two users."""
    async with open_native_provider(database, HashingEmbedder(24)) as provider:
        for owner in (ANNA, Owner("ben")):
            await provider.store_many([NewMemory(owner=owner, content=f"tea {number}") for number in range(100)])
    async with connected(database) as connection:
        await connection.execute("VACUUM ANALYZE ninai_memories")
    return database


@pytest.fixture(params=[False, True], ids=["directly", "through a pooler"])
async def lender(database: str, request: pytest.FixtureRequest) -> AsyncIterator[Database]:
    """A database with a single connection, so that whatever was left behind would be met."""
    async with open_engine(database, pool_size=1, through_pooler=request.param) as engine:
        yield Database(engine, 5, migrate=True)


async def nodes_of(dsn: str, statement: BoundSql) -> list[dict[str, Any]]:
    """The nodes of a statement's plan that read memories, where they are too many to be read one and all."""
    async with open_engine(dsn, pool_size=1) as engine, engine.connect() as plain:
        connection = await plain.execution_options(isolation_level="READ COMMITTED")
        async with connection.begin():
            for setting in ("SET LOCAL enable_seqscan = off", *statement.settings):
                await connection.exec_driver_sql(setting)
            explained = await connection.exec_driver_sql(f"EXPLAIN (FORMAT JSON) {statement.text}", statement.values)
            plan = explained.scalar_one()
    [whole] = json.loads(plan) if isinstance(plan, str) else plan
    found: list[dict[str, Any]] = []
    left = [whole["Plan"]]
    while left:
        node = left.pop()
        left += node.get("Plans", [])
        if node.get("Relation Name", "").startswith("ninai_memories"):
            found.append(node)
    return found


@pytest.mark.parametrize("name", PACKED)
async def test_memories_are_packed_in_the_order_of_pages(remembered: str, name: str) -> None:
    """A scan along the index would wait for one page after the other, of as many as there are memories."""
    assert {node["Node Type"] for node in await nodes_of(remembered, PACKED[name])} == {"Bitmap Heap Scan"}


@pytest.mark.parametrize("name", UNREAD)
async def test_memories_are_counted_without_being_read(remembered: str, name: str) -> None:
    """What is wanted of them is in an index; only how large a vector is, one memory tells."""
    nodes = await nodes_of(remembered, UNREAD[name])
    along_index = [node for node in nodes if node["Node Type"] == "Index Only Scan"]
    others = [node for node in nodes if node not in along_index]

    assert along_index
    assert {"embedding IS NOT NULL" in node.get("Filter", "") for node in others} <= {True}


@pytest.mark.parametrize("traced", [False, True])
async def test_what_is_set_for_a_statement_ends_with_it(lender: Database, *, traced: bool) -> None:
    """The next one, by the same connection, is planned as ever."""
    await lender.ready()
    before = await lender.bound_rows(_PLAIN)
    span = tracing.current.set(Recorded() if traced else tracing.Span())
    paged = await lender.bound_rows(BoundSql(_SHOWN, (), in_page_order=True))
    by_values = await lender.bound_rows(BoundSql(_SHOWN, (), planned_by_values=True))
    both = await lender.bound_rows(BoundSql(_SHOWN, (), planned_by_values=True, in_page_order=True))
    tracing.current.reset(span)
    after = await lender.bound_rows(_PLAIN)

    assert [row.scan for [row] in (before, paged, by_values, both, after)] == ["on", "off", "on", "off", "on"]
    assert [row.plan for [row] in (by_values, both)] == ["force_custom_plan"] * 2
    assert before[0].plan == after[0].plan == paged[0].plan


async def test_a_statement_that_fails_leaves_nothing_set(lender: Database) -> None:
    """Its transaction ends as well, and the connection is of use."""
    await lender.ready()
    for _ in range(2):
        with pytest.raises(Exception, match="22012"):
            await lender.bound_rows(_FAILING)
        [row] = await lender.bound_rows(_PLAIN)
        assert row.scan == "on"


@pytest.mark.parametrize("traced", [False, True])
async def test_a_statement_that_is_given_up_leaves_nothing_set(lender: Database, *, traced: bool) -> None:
    """Whoever asked may have gone: the next statement meets neither its transaction nor its settings."""
    await lender.ready()
    span = tracing.current.set(Recorded() if traced else tracing.Span())
    for _ in range(2):
        asked = asyncio.create_task(lender.bound_rows(_SLOW))
        await asyncio.sleep(0.2)
        asked.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asked
        [row] = await lender.bound_rows(_PLAIN)
        assert row.scan == "on"
    tracing.current.reset(span)


def test_nothing_is_set_where_it_would_not_reach_the_nodes() -> None:
    """A distributed table is asked by the plain statement."""
    statement = BoundSql(_SHOWN, (), planned_by_values=True, in_page_order=True)

    assert len(statement.settings) == 2
    assert distributed_sql(statement).settings == ()
