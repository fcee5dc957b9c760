"""The guard of statements: all that the provider has are such as a distributed table bears, and wrong ones are seen."""

import importlib
import pkgutil
from collections.abc import AsyncIterator, Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import asyncpg
import pytest
from sqlalchemy import TextClause

import providers.native
from providers.native.columns import FIRST, WRITTEN, Column, insert_values
from providers.native.distribution.forms import MOST_VALUES, distributed_form, distributed_text
from providers.native.embedded import EmbeddedServer
from providers.native.replication_sql import PUT_STATES
from providers.native.rows import MemoryRow
from providers.native.statements import PUT
from providers.postgres.driver_sql import bound
from tests.support.partitioned import partitioned_database, partitions_read, planning_connection
from tests.support.postgres import drop_database
from tests.support.statement_guard import (
    ABOUT_ALL,
    OF_THE_DOCTOR,
    WrongShape,
    check_statement,
    named_owners,
    statements_of,
)
from tests.support.states import live

ANN, BOB = "ann", "bob"
ID = UUID(int=7)
NOW = datetime(2026, 3, 1, tzinfo=UTC)

# Values for whatever a statement names, about one owner. One with a further name is not judged until it has a value.
VALUES: dict[str, Any] = {
    "user_id": ANN, "user_ids": [ANN], "id": ID, "ids": [ID], "tenants": "default", "limit": 10, "after": ID,
    "version": 7, "versions": [7], "model": "m", "embeddings": [None], "analyses": [b"x"], "words": [None],
    "edit_id": ID, "seen": None, "minted": True, "now": NOW, "kept_edits": 8, "content": "tea", "has_content": True,
    "metadata": None, "has_metadata": False, "further": "{}", "has_further": False, "embedding": None,
    "embedding_model": None, "terms": None, "former": ["f"], "former_model": None, "former_embedding": None,
    "kept_versions": "0", "newest": 9, "oldest": 1, "keep": 5, "floor": 1, "before": 9, "after_version": 1,
    "most_bytes": 1_000, "recent": 1_000, "expired_by": None, "moments": [NOW], "put": False,
}  # fmt: skip

# They select their rows from arrays, and say nothing of partitions.
INSERTIONS = {"PUT", "PUT_STATES"}
# In another form there.
PLAIN_ALONE = {"HOLDINGS", "OWNERS", "SUMMARIES"}
# Of one server alone, or of its catalog; puts by key in one statement, and what looks after them; and those that change
# the history of memories or look versions up in it, which is not kept there.
NOT_SENT = {"ESTIMATE", "_STATE", "_PUT", "_SUPERSEDED", "KEPT_OF", "TIDY", "DROP_OLD", "DROP_BURIED", "DROP_FOREIGN"}


def all_statements() -> dict[str, TextClause]:
    """Return every statement about memories in the modules of the provider."""
    found: dict[int, tuple[str, TextClause]] = {}
    for module in pkgutil.walk_packages(providers.native.__path__, "providers.native."):
        if ".migrations" not in module.name:
            for name, statement in statements_of(importlib.import_module(module.name)):
                found.setdefault(id(statement), (name.removeprefix("providers.native."), statement))
    return dict(found.values())


def about_one() -> dict[str, TextClause]:
    """Return those that are about given owners."""
    others = {*map(id, ABOUT_ALL.values())}
    without = INSERTIONS | PLAIN_ALONE | NOT_SENT
    given = [(name, one) for name, one in all_statements().items() if name.split(".")[-1] not in without]
    return {name: one for name, one in given if id(one) not in others}


ABOUT_ONE = about_one()


@pytest.fixture(scope="module")
async def partitioned(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database with memories in the form, in partitions."""
    dsn = await partitioned_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest.fixture
async def connection(partitioned: str) -> AsyncIterator[Any]:
    """A connection that plans statements."""
    async with planning_connection(partitioned) as one:
        yield one


def test_there_are_statements_of_both_kinds() -> None:
    """The modules were looked through: these are some of what they have."""
    assert {"statements.GET", "statements.UPDATE", "statements.SET_EMBEDDINGS", "replication_sql.HEADS"} <= {*ABOUT_ONE}
    assert {"history_sql.PAGE", "erasing._PURGE", "erasing._PURGE_HISTORY"} <= {*ABOUT_ONE}
    assert len(ABOUT_ALL) == 12


@pytest.mark.parametrize("name", ABOUT_ONE)
async def test_a_statement_about_one_owner_reads_one_partition(connection: asyncpg.Connection, name: str) -> None:
    """It would go to one shard, and its users would not miss any other one."""
    statement, values = distributed_form(ABOUT_ONE[name], VALUES)
    sql = bound(statement, values)

    await check_statement(connection, sql.text, sql.values)
    assert named_owners(sql.text, sql.values) == {ANN}
    assert len(await partitions_read(connection, sql.text, sql.values)) == 1


@pytest.mark.parametrize("name", ABOUT_ALL)
async def test_a_statement_about_all_owners_has_limits_of_its_own(connection: asyncpg.Connection, name: str) -> None:
    """So no node sends more than is asked for."""
    values = VALUES | {"skipped_users": [], "skipped_ids": [], "skipped_versions": [], "again": True, "bound": 10}
    values |= {"before": NOW, "after": NOW if "expired" in name else ANN}
    sql = bound(*distributed_form(ABOUT_ALL[name], values))

    await check_statement(connection, sql.text, sql.values)
    assert len(await partitions_read(connection, sql.text, sql.values)) == 16


@pytest.mark.parametrize(
    ("sql", "why"),
    [
        ("SELECT id FROM ninai_memories WHERE (user_id, id) IN (SELECT $1::text, $2::uuid)", "names no owner"),
        ("SELECT id FROM ninai_memories WHERE user_id = $1 OR id = $2", "names 1 owners and reads 16 partitions"),
        ("SELECT id FROM ninai_memories WHERE lower(user_id) = $1 AND id = $2", "names no owner"),
        ("UPDATE ninai_memories SET key = $1 WHERE id = $2", "names no owner"),
        (
            "WITH RECURSIVE one (id) AS (SELECT id FROM ninai_memories WHERE user_id = $1 AND id = $2) TABLE one",
            "recursive query",
        ),
        (
            "SELECT id FROM ninai_memories WHERE user_id = $1 AND id = $2 AND set_config('a.b', $1, true) > $1",
            "volatile",
        ),
    ],
)
async def test_a_statement_of_the_wrong_shape_is_seen(connection: asyncpg.Connection, sql: str, why: str) -> None:
    """Whoever adds one like it has a red test, and its reason."""
    with pytest.raises(WrongShape, match=why):
        await check_statement(connection, sql, (ANN, ID))


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        (lambda sql: sql.replace("LIMIT", "OFFSET"), "names no owner"),  # no longer one of the list
        (lambda sql: f"{sql} FOR UPDATE SKIP LOCKED", "names no owner"),
    ],
)
async def test_a_statement_about_all_that_was_changed_is_seen(
    connection: asyncpg.Connection, wrong: Callable[[str], str], why: str
) -> None:
    """The list has the statements themselves: a changed one is judged anew."""
    sql = bound(*distributed_form(ABOUT_ALL["owners"], VALUES | {"after": ANN}))

    with pytest.raises(WrongShape, match=why):
        await check_statement(connection, wrong(sql.text), sql.values)


@pytest.mark.parametrize("sql", OF_THE_DOCTOR)
async def test_what_the_doctor_asks_all_owners_has_limits_as_well(connection: asyncpg.Connection, sql: str) -> None:
    """It looks at a sample."""
    await check_statement(connection, distributed_text(sql), ())


async def test_two_owners_read_two_partitions(connection: asyncpg.Connection) -> None:
    """Given memories of several owners ask the nodes of these, and no others."""
    given = VALUES | {"user_ids": [ANN, BOB], "ids": [ID, ID]}
    sql = bound(*distributed_form(ABOUT_ONE["statements.STORED"], given))

    assert len(await partitions_read(connection, sql.text, sql.values)) == 2


@pytest.mark.parametrize("columns", [FIRST, WRITTEN])
@pytest.mark.parametrize("count", [1, MOST_VALUES, MOST_VALUES + 1])
async def test_few_rows_are_values(connection: asyncpg.Connection, columns: Sequence[Column], count: int) -> None:
    """Up to so many rows are values, in the order of their keys; more are selected."""
    rows = [MemoryRow(state=live(f"user-{count - place:02}")) for place in range(count)]
    [values] = await insert_values(rows, columns)
    statement = PUT if columns is FIRST else PUT_STATES
    sql = bound(*distributed_form(statement, values | {"kept_versions": "0"}))

    users = [value for value in sql.values if isinstance(value, str) and value.startswith("user-")]
    assert ("VALUES" in sql.text) == (count <= MOST_VALUES)
    assert "set_config" not in sql.text
    if count <= MOST_VALUES:
        assert users == sorted(users)
    await connection.fetch(f"EXPLAIN {sql.text}", *sql.values)


async def test_the_table_bears_being_distributed(connection: asyncpg.Connection) -> None:
    """No trigger, no policy; and every unique and every foreign key begins with the owner."""
    triggers = await connection.fetch("SELECT tgname FROM pg_trigger WHERE NOT tgisinternal")
    policies = await connection.fetch("SELECT polname FROM pg_policy")
    keys = await connection.fetch("""
        SELECT c.relname, i.indexrelid::regclass::text, a.attname FROM pg_index AS i
        JOIN pg_class AS c ON c.oid = i.indrelid JOIN pg_attribute AS a ON a.attrelid = c.oid AND a.attnum = i.indkey[0]
        WHERE i.indisunique AND c.relkind IN ('r', 'p') AND c.relname ~ '^ninai_(memories|history)'
    """)
    foreign = await connection.fetch("""
        SELECT o.conname, a.attname FROM pg_constraint AS o
        JOIN pg_attribute AS a ON a.attrelid = o.conrelid AND a.attnum = o.conkey[1]
        WHERE o.contype = 'f' AND starts_with(o.conrelid::regclass::text, 'ninai_')
    """)

    assert (triggers, policies) == ([], [])
    assert {row["attname"] for row in keys} == {"user_id"}
    assert {row["attname"] for row in foreign} <= {"user_id"}
