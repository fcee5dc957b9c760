"""Metadata goes through PostgreSQL's jsonb without a number changing its value or its type."""

import random
from collections.abc import AsyncIterator
from decimal import Decimal
from typing import Any

import pytest

from providers.any_json import decoded
from providers.native.embedded import EmbeddedServer
from providers.native.jsonb import to_jsonb
from tests.support.postgres import connected

NUMBERS: list[int | float] = [
    0, 1, -1, 2**31, 2**53, 2**53 + 1, 2**63 - 1, 2**63, 2**64, -(2**64), 10**22, 10**23, 10**400,
    10**4300 - 1, 1 - 10**4300,
    0.0, 1.0, -1.0, 0.1, -0.1, 1.5, 1e15, 1e16, 1e17, 123456789012345680.0, 1e21, 1e22, 1e23, -1e23, 1e100,
    1.7976931348623157e308, 2.2250738585072014e-308, 5e-324, 1e-7, 1e-5, 3.141592653589793, 9007199254740993.0,
]  # fmt: skip


@pytest.fixture
async def connection(postgres_server: EmbeddedServer) -> AsyncIterator[Any]:
    """A plain connection."""
    async with connected(postgres_server.dsn) as opened:
        yield opened


async def through(connection: Any, metadata: dict[str, Any]) -> Any:  # noqa: ANN401 - any JSON value
    """What comes back from the database."""
    return decoded(await connection.fetchval("SELECT $1::jsonb", to_jsonb(metadata)))


def typed(value: Any) -> object:  # noqa: ANN401 - any JSON value
    """The value with each leaf beside its type."""
    if isinstance(value, dict):
        return {key: typed(child) for key, child in value.items()}
    if isinstance(value, list):
        return [typed(child) for child in value]
    return type(value).__name__, value


def test_no_metadata_is_null() -> None:
    """None is the absence of metadata, not JSON's null."""
    assert to_jsonb(None) is None
    assert to_jsonb({}) == "{}"


@pytest.mark.parametrize("number", NUMBERS, ids=lambda number: f"{number!r:.24}_{len(repr(number))}")
async def test_a_number_comes_back_as_it_was(connection: Any, number: float) -> None:  # noqa: ANN401 - asyncpg has no types
    """Integers stay integers to the last digit, and floats stay floats of the same value."""
    metadata = {"n": number, "list": [number, {"deep": number}]}

    assert typed(await through(connection, metadata)) == typed(metadata)


async def test_random_floats_come_back(connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
    """Floats of every magnitude survive the database's decimal numbers."""
    chance = random.Random(5)  # noqa: S311 - the same numbers every run
    metadata = {"n": [chance.uniform(-10, 10) * 10.0 ** chance.randint(-300, 300) for _ in range(500)]}

    assert typed(await through(connection, metadata)) == typed(metadata)


async def test_the_database_sees_the_shortest_digits(connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
    """A float is the decimal number that it is written as, so that 1e23 equals the integer 10**23."""
    for number in NUMBERS:
        seen = await connection.fetchval("SELECT ($1::jsonb ->> 'n')::numeric", to_jsonb({"n": number}))
        assert seen == Decimal(repr(number))


async def test_everything_else_comes_back(connection: Any) -> None:  # noqa: ANN401 - asyncpg has no types
    """Texts, truth values, nulls and empty containers are what they were."""
    metadata = {
        "": "",
        "text": "நினைவு 👩🏽 \u2028 \u0001",
        "yes": True,
        "no": False,
        "none": None,
        "list": [],
        "object": {},
    }

    assert typed(await through(connection, metadata)) == typed(metadata)


def test_metadata_is_not_changed() -> None:
    """Writing it down leaves the caller's metadata alone."""
    metadata = {"n": [1e30, {"deep": 1e30}]}
    to_jsonb(metadata)

    assert metadata == {"n": [1e30, {"deep": 1e30}]}
