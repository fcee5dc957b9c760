"""Memories that go from PostgreSQL to mem0 and back: nothing of them is lost or changed."""

import asyncio
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest
import pytest_asyncio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from providers.limits import MAX_FIRST_VERSION
from tests.app.portable.portability import exported, imported, of_kind, unsourced
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.mem0 import KEY, OssServer

characters = st.characters(exclude_categories=["Cs"], exclude_characters="\0")
texts = st.text(characters, min_size=1, max_size=30).filter(lambda text: bool(text.strip()))
leaves = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | texts
values = st.recursive(leaves, lambda inner: st.lists(inner) | st.dictionaries(texts, inner), max_leaves=8)
moments = st.datetimes(datetime(1, 1, 2), datetime(2026, 1, 1)).map(lambda one: one.replace(tzinfo=UTC).isoformat())  # noqa: DTZ001 - as the strategy wants them
lines = st.fixed_dictionaries(
    {"kind": st.just("memory"), "id": st.uuids().map(str), "content": texts, "created_at": moments},
    optional={
        "metadata": st.dictionaries(texts, values, max_size=4),
        "updated_at": moments,
        "first_version": st.integers(1, MAX_FIRST_VERSION),
        "expires_at": st.just("2999-12-31T23:59:59Z"),
        **dict.fromkeys(("session", "agent", "app", "speaker"), texts),
    },
)
EXAMPLES = settings(
    max_examples=8, deadline=None, derandomize=True, database=None, suppress_health_check=[HealthCheck.too_slow]
)


@pytest_asyncio.fixture
async def mem0() -> AsyncIterator[Api]:
    """A client of the service over mem0."""
    async with OssServer() as server:
        environ = {"MEMORY_PROVIDER": "http", "MEM0_BASE_URL": server.base_url, "MEM0_API_KEY": KEY}
        environ["NINAI__PROVIDERS__MEM0__DIALECT"] = "oss"
        async with running_app(environ) as app, asgi_client(app) as http:
            yield Api(http, fresh_user())


async def moved(source: Api, target: Api) -> list[dict[str, Any]]:
    """Move everything from one service to another, and return the memories as they went."""
    memories = of_kind("memory", await exported(source))
    answer = (await imported(target, *memories)).json()
    assert (answer["stored"], answer["failed"]) == (len(memories), 0), answer
    return memories


@pytest.mark.thorough
async def test_nothing_is_lost_on_the_way_to_mem0_and_back(api: Api, mem0: Api) -> None:
    """Ids, texts, metadata, labels, times and order are what they were, whatever they are."""

    async def travelled(sent: list[dict[str, Any]]) -> None:
        here, there, back = api.stranger(), mem0.stranger(), api.stranger()
        assert (await imported(here, *sent)).json()["stored"] == len(sent)
        first, second = await moved(here, there), await moved(there, back)
        third = of_kind("memory", await exported(back))

        assert unsourced(first) == unsourced(second) == unsourced(third)
        assert {one["source"]["origin"] for one in third} == {"import"}
        assert {one["id"] for one in first} == {one["id"] for one in sent}
        by_id = {one["id"]: one for one in third}
        for one in sent:
            compared = {name: one[name] for name in one if name not in {"created_at", "updated_at"}}
            assert {name: by_id[one["id"]].get(name) for name in compared} == compared

    loop = asyncio.get_running_loop()

    @EXAMPLES
    @given(st.lists(lines, min_size=1, max_size=6, unique_by=lambda line: line["id"]))
    def travels(sent: list[dict[str, Any]]) -> None:
        asyncio.run_coroutine_threadsafe(travelled(sent), loop).result(timeout=120)

    await asyncio.to_thread(travels)
