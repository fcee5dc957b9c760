"""What the database makes of a row that is written: columns out of one text, and nothing of what was erased."""

import asyncio
from typing import Any
from uuid import UUID

import asyncpg
import pytest

from providers.erasure.fences import hash_of, new_key
from providers.native.engine import open_engine
from providers.native.schema import Schema
from providers.owners import Owner
from tests.providers.native.test_schema import downgraded, upgraded
from tests.support.following import eventually
from tests.support.postgres import connected

OWNER = Owner("ann")
BEFORE = "0020"  # where five triggers do what one does now

_DERIVED = "first_version, session, agent, app, speaker, key, source, expires_at, sliding_seconds, touched_at"
_ALL = (
    '"first_version":5,"session":"s","agent":"a","app":"p","speaker":"Zoë \\"Z\\"","key":"k","source":{"client":"c"},'
    '"expires_at":"2126-03-01T00:00:00Z","sliding_seconds":60,"touched_at":"2026-03-01T00:00:00Z"'
)
TEXTS = (
    None,
    "{}",
    '{"first_version":5}',
    '{"first_version":5} ',
    '{"first_version":"5"}',
    '{"first_version":null}',
    '{"first_version":-5}',
    '{"first_version":5e3}',
    '{"first_version":9223372036854775808}',
    '{"first_version":{"session":"nested"}}',
    '{"first_version":"a \\u0000 b"}',
    '{"first_version":5',
    '{"first_version":5}{"session":"s"}',
    '{ "first_version" : 5 }',
    '{"first_version":5,"first_version":6}',
    '{"first_version":5,"session":"s"}',
    '{"session":"s"}',
    '{"session":"first","session":"last"}',
    '{"sessio\\u006e":"spelled","ke\\u0079":"spelled"}',
    '{"session":"\\ud83d\\ude00","key":"\\ud83d\\ude00"}',
    '{"session":"\\ud83d","key":"\\ud83d"}',
    '{"session":"back\\\\u0000slash","key":"back\\\\u0000slash"}',
    '{"mood":"\\u0000","session":"s","key":"k"}',
    '{"mood":1e999999,"session":"s","source":{"client":"c"}}',
    '{"source":{"client":1e999999}}',
    '{"session":{"b":1, "a":2},"key":["k"],"agent":7,"app":true,"speaker":null}',
    '{"source":"text"}',
    '{"source":null,"key":null}',
    '{"sliding_seconds":60}',
    '{"sliding_seconds":60,"expires_at":"2126-03-01T00:00:00Z"}',
    '{"touched_at":"2026-03-01T00:00:00.5+02:00"}',
    '{"expires_at":"never"}',
    '{"key":"k","mood":"\\n"}',
    "[1]",
    '"session"',
    "nothing",
    f"{{{_ALL}}}",
    f'{{{_ALL},"mood":"\\u0000"}}',
)

_INSERT = """
    INSERT INTO ninai_memories (user_id, id, version, content, created_at, digest, terms, unknown, session, key)
    VALUES ($1, $2, $3, 'tea', now(), 'd', ninai_terms('tea'), $4, $5, $5)
"""
_UPDATE = f"UPDATE ninai_memories SET unknown = $1 WHERE id = $2 RETURNING {_DERIVED}"  # noqa: S608 - names of columns
_TRIGGERS = """
    SELECT pg_get_triggerdef(g.oid), p.prosrc FROM pg_trigger AS g JOIN pg_proc AS p ON p.oid = g.tgfoid
    WHERE g.tgrelid = 'ninai_memories'::regclass AND NOT g.tgisinternal ORDER BY g.tgname
"""
_FUNCTIONS = (
    "SELECT CAST(oid AS regprocedure)::text, prosrc FROM pg_proc WHERE starts_with(proname, 'ninai') ORDER BY 1"
)
_WAITS = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted"


def _id(number: int) -> UUID:
    return UUID(int=number)


async def _outcome(connection: asyncpg.Connection, sql: str, *values: Any) -> tuple[Any, ...] | str | None:  # noqa: ANN401 - as asyncpg
    """Return the row that a statement returns, or the state of the error that it raises."""
    try:
        row = await connection.fetchrow(sql, *values)
    except asyncpg.PostgresError as error:
        return str(error.sqlstate)
    return None if row is None else tuple(row)


async def _derived(connection: asyncpg.Connection) -> list[Any]:
    """Return what comes of each text in an insertion, and in an update of a row that has everything."""
    await connection.execute("DELETE FROM ninai_memories")
    returning = f"{_INSERT} RETURNING {_DERIVED}"
    found: list[Any] = []
    for place, text in enumerate(TEXTS):
        # A column that is derived is so whatever a statement says of it.
        for also, said in enumerate((None, "said")):
            number = place * 3 + also
            found.append(await _outcome(connection, returning, "ann", _id(number), 7, text, said))
        full = place * 3 + 2
        await connection.execute(_INSERT, "ann", _id(full), 7, TEXTS[-2], None)
        found.append(await _outcome(connection, _UPDATE, text, _id(full)))
    return found


async def _fence(connection: asyncpg.Connection, version: int) -> None:
    key = new_key()
    await connection.execute("INSERT INTO ninai_erasure_keys VALUES ($1)", key)
    await connection.execute("INSERT INTO ninai_erasures VALUES ($1, $2, $3, 0)", hash_of(key, OWNER.key), key, version)


async def test_one_trigger_derives_what_several_did(database: str) -> None:
    """Of every text come the same columns or the same error as before, at insertions and at updates."""
    async with connected(database) as connection:
        now = await _derived(connection)
    async with open_engine(database, pool_size=1) as engine:
        await downgraded(engine, Schema(engine), BEFORE)
    async with connected(database) as connection:
        before = await _derived(connection)

    assert now == before
    assert tuple(now[-6][:6]) == (5, "s", "a", "p", 'Zoë "Z"', "k")


async def test_the_former_triggers_come_back(database: str) -> None:
    """A downgrade leaves the triggers and functions that were there before the upgrade, and an upgrade these."""
    async with open_engine(database, pool_size=1) as engine, connected(database) as connection:
        schema = Schema(engine)
        new = await _made(connection)
        await downgraded(engine, schema, BEFORE)
        restored = await _made(connection)
        await downgraded(engine, schema, "0007")
        await upgraded(engine, schema, BEFORE)
        former = await _made(connection)
        await schema.upgrade()
        again = await _made(connection)

    assert restored == former
    assert again == new != former


async def _made(connection: asyncpg.Connection) -> tuple[list[asyncpg.Record], list[asyncpg.Record]]:
    return await connection.fetch(_TRIGGERS), await connection.fetch(_FUNCTIONS)


async def test_what_was_erased_is_refused_without_an_error(database: str) -> None:
    """An insertion and a change up to the fence do nothing, whatever their text says; what is above it is stored."""
    async with connected(database) as connection:
        await connection.execute(_INSERT, "ann", _id(1), 7, '{"first_version":7}', None)
        await _fence(connection, 9)
        for version, text in ((7, '{"first_version":7}'), (9, f"{{{_ALL}}}"), (9, None)):
            assert await connection.execute(_INSERT, "ann", _id(2), version, text, None) == "INSERT 0 0"
        assert await connection.execute("UPDATE ninai_memories SET version = 8") == "UPDATE 0"
        assert await connection.execute("UPDATE ninai_memories SET unknown = NULL") == "UPDATE 1"
        assert await connection.execute("UPDATE ninai_memories SET version = 10") == "UPDATE 1"
        assert await connection.execute(_INSERT, "ann", _id(2), 10, '{"first_version":10}', None) == "INSERT 0 1"
        assert await connection.execute(_INSERT, "bob", _id(2), 0, None, None) == "INSERT 0 1"


async def test_an_erasure_meanwhile_holds_for_the_rows_that_follow(database: str) -> None:
    """A statement that began before the fence was committed stores no row of the owner after that."""
    insertion = """
        INSERT INTO ninai_memories (user_id, id, version, content, created_at, digest, terms)
        SELECT 'ann', id, 7, 'tea', now(), 'd', ninai_terms('tea')
        FROM unnest($1::uuid[]) WITH ORDINALITY AS given (id, n)
        WHERE n = 1 OR pg_advisory_xact_lock(1) IS NOT NULL
    """
    async with connected(database) as connection, connected(database) as other:
        await other.execute("SELECT pg_advisory_lock(1)")
        inserting = asyncio.create_task(connection.execute(insertion, [_id(1), _id(2)]))

        async def waits() -> bool:
            return bool(await other.fetchval(_WAITS))

        await eventually(waits)
        await _fence(other, 9)
        await other.execute("SELECT pg_advisory_unlock(1)")
        assert await inserting == "INSERT 0 1"
        assert [row["id"] for row in await other.fetch("SELECT id FROM ninai_memories")] == [_id(1)]


@pytest.mark.parametrize("text", ['{"first_version":3}', '{"first_version":3,"session":"trip"}'])
async def test_a_shorter_text_takes_columns_away(database: str, text: str) -> None:
    """What a row had derived before is gone where its text does not say it any more."""
    async with connected(database) as connection:
        await connection.execute(_INSERT, "ann", _id(1), 7, f"{{{_ALL}}}", None)
        row = await connection.fetchrow(_UPDATE, text, _id(1))

    assert row is not None
    assert {name: value for name, value in row.items() if value is not None} in (
        {"first_version": 3},
        {"first_version": 3, "session": "trip"},
    )
