"""What every provider promises of ranges and filters: both ends are taken, what lies beyond is refused by name."""

from collections.abc import Awaitable
from datetime import datetime, timedelta, timezone
from math import inf, nan

import pytest

from providers import limits
from providers.base import MemoryProvider
from providers.errors import InvalidInput
from providers.filters import And, Eq, Exists, Filter, Gt, In, Not, Or
from providers.owners import Owner
from providers.positions import Position
from providers.types import Conditions, NewMemory, PageQuery, RecallQuery

ID = "0190b8a0-0000-7000-8000-000000000001"
NAIVE = datetime(2024, 1, 1)  # noqa: DTZ001 - that it has no time zone is the point


def levels_of_lists(levels: int) -> list[object]:
    """A JSON value so many levels deep."""
    value: list[object] = []
    for _ in range(levels - 1):
        value = [value]
    return value


def conjunction(size: int) -> Filter:
    """A filter of so many conditions, each of them negated twice."""
    return And([Not(Not(Exists("k")))] * size)


def nested(levels: int) -> Filter:
    """A filter so many levels deep."""
    where: Filter = Exists("k")
    for _ in range(levels - 1):
        where = Not(where)
    return where


BAD_FILTERS: dict[str, Filter] = {
    "9 levels": nested(9),
    "thousands of levels": nested(5_000),
    "65 conditions": conjunction(65),
    "empty and": And([]),
    "empty or": Not(Or([])),
    "empty in": In("k", []),
    "101 values": In("k", [0] * 101),
    "no steps": Exists([]),
    "33 steps": Exists(["k"] * 33),
    "NUL in a field": Exists("k\0"),
    "NUL in a step": Eq(["a", "b\0"], 1),
    "NUL in a value": Eq("k", {"a": ["\0"]}),
    "lone surrogate": In("k", ["a", "\ud800"]),
    "lone surrogate to compare": Gt("k", "\ud800"),
    "NaN": Gt("k", nan),
    "infinity": Eq("k", [inf]),
    "boolean to compare": Gt("k", value=True),
    "deep value": Eq("k", levels_of_lists(33)),
    "no JSON": Eq("k", {1, 2}),
}


async def refused(call: Awaitable[object]) -> str:
    """The field that the call is refused for."""
    with pytest.raises(InvalidInput) as refusal:
        await call
    return refusal.value.field


@pytest.mark.parametrize("below", [-1, 0, None])
async def test_a_limit_outside_its_range_is_refused(provider: MemoryProvider, user: str, below: int | None) -> None:
    """Pages and answers hold 1 memory at least; answers 1,000 at most, and pages `MAX_LIST_LIMIT`."""
    for most in (limits.MAX_RECALL_LIMIT + 1, 2**63):
        assert await refused(provider.recall(user, "tea", most if below is None else below)) == "limit"
    for most in (limits.MAX_LIST_LIMIT + 1, 2**63):
        assert await refused(provider.list_memories(user, most if below is None else below)) == "limit"


@pytest.mark.parametrize("limit", [-1, 0, 1_001, 2**63])
async def test_a_page_has_a_limit(provider: MemoryProvider, user: str, limit: int) -> None:
    """A page with conditions holds 1 to 1,000 memories."""
    assert await refused(provider.page(PageQuery(owner=Owner(user), limit=limit))) == "limit"
    assert (await provider.page(PageQuery(owner=Owner(user), limit=1_000))).memories == []


@pytest.mark.parametrize("offset", [-1, 100_001, 2**63])
async def test_an_offset_outside_its_range_is_refused(provider: MemoryProvider, user: str, offset: int) -> None:
    """An offset runs from 0 to 100,000."""
    assert await refused(provider.list_memories(user, 10, offset)) == "offset"


@pytest.mark.parametrize("min_score", [-0.001, 1.001, nan, inf])
async def test_a_least_score_outside_its_range_is_refused(
    provider: MemoryProvider, user: str, min_score: float
) -> None:
    """A least score lies in [0, 1]."""
    assert await refused(provider.recall(user, "tea", min_score=min_score)) == "min_score"


async def test_the_ends_of_every_range_are_taken(provider: MemoryProvider, user: str) -> None:
    """The smallest and the greatest limit, offset and score are allowed."""
    memory_id = await provider.remember(user, "tea")

    for limit in (1, limits.MAX_RECALL_LIMIT):
        assert [memory.id for memory in await provider.recall(user, "tea", limit)] == [memory_id]
    for limit in (1, limits.MAX_LIST_LIMIT):
        assert [memory.id for memory in await provider.list_memories(user, limit, 0)] == [memory_id]
    assert await provider.list_memories(user, 1, 100_000) == []
    assert [memory.id for memory in await provider.recall(user, "tea", min_score=0.0)] == [memory_id]
    assert len(await provider.recall(user, "tea", min_score=1.0)) <= 1


@pytest.mark.parametrize("version", [-1, limits.MAX_VERSION + 1, 2**63, 2**64])
async def test_a_version_outside_its_range_is_refused(provider: MemoryProvider, user: str, version: int) -> None:
    """A version is one that a clock could have minted and could mint past."""
    memory_id = await provider.remember(user, "tea")

    assert await refused(provider.remember(user, "tea", version=version)) == "version"
    assert await refused(provider.update(user, memory_id, content="coffee", version=version)) == "version"
    assert await refused(provider.delete(user, memory_id, version=version)) == "version"
    assert [memory.content for memory in await provider.list_memories(user)] == ["tea"]


@pytest.mark.parametrize("version", [0, limits.MAX_VERSION])
async def test_the_ends_of_the_versions_are_taken(provider: MemoryProvider, user: str, version: int) -> None:
    """The least and the greatest version store a memory that can still be edited."""
    memory_id = await provider.remember(user, "tea", version=version)

    assert (await provider.update(user, memory_id, content="coffee")).content == "coffee"
    assert await provider.delete(user, memory_id, version=version) is True


async def test_what_is_newer_than_any_version_that_is_taken_can_be_deleted(provider: MemoryProvider, user: str) -> None:
    """A clock that has met the greatest version mints greater ones."""
    owner = Owner(user)
    tea = NewMemory(owner=owner, content="tea", version=limits.MAX_VERSION, session="one")
    await provider.update(user, (await provider.store(tea)).id, content="coffee")

    assert (await provider.erase_all(owner, conditions=Conditions(session="one"))).count == 1
    assert await provider.list_memories(user) == []


@pytest.mark.parametrize(
    "moment",
    [
        NAIVE,
        datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=1))),
        datetime.max.replace(tzinfo=timezone(-timedelta(hours=1))),
    ],
)
async def test_a_moment_is_in_a_time_zone_and_in_range(provider: MemoryProvider, user: str, moment: datetime) -> None:
    """A moment without a time zone, or that UTC cannot write, is refused wherever one is taken."""
    assert await refused(provider.remember(user, "tea", created_at=moment)) == "created_at"
    assert await refused(provider.recall(user, "tea", created_from=moment)) == "created_from"
    assert await refused(provider.recall(user, "tea", created_before=moment)) == "created_before"
    assert await refused(provider.list_memories(user, after=Position(moment, ID))) == "after"


@pytest.mark.parametrize("name", BAD_FILTERS)
async def test_a_bad_filter_is_refused(provider: MemoryProvider, user: str, name: str) -> None:
    """A filter is small, shallow, and compares with JSON."""
    assert await refused(provider.recall(user, "tea", where=BAD_FILTERS[name])) == "where"


@pytest.mark.parametrize(
    "where",
    [
        pytest.param(nested(8), id="8 levels"),
        pytest.param(conjunction(64), id="64 conditions"),
        pytest.param(Not(In("x", list(range(100)))), id="100 values"),
        pytest.param(Not(Exists(["x"] * 32)), id="32 steps"),
        pytest.param(Not(Eq("x", levels_of_lists(32))), id="deep value"),
        pytest.param(Not(Eq("x", 10**4300 - 1)), id="4300 digits"),
    ],
)
async def test_a_filter_within_the_limits_is_answered(provider: MemoryProvider, user: str, where: Filter) -> None:
    """The greatest filters are answered."""
    memory_id = await provider.remember(user, "tea", {"k": 1})

    found = [memory.id for memory in await provider.recall(user, "tea", where=where)]
    assert found == ([] if where == nested(8) else [memory_id])


@pytest.mark.parametrize("size", [0, 1_001])
async def test_a_batch_outside_its_range_is_refused_whole(provider: MemoryProvider, user: str, size: int) -> None:
    """A batch holds 1 to 1,000 items; of another nothing is stored."""
    assert await refused(provider.remember_many([NewMemory(owner=Owner(user), content="tea")] * size)) == "memories"
    assert await refused(provider.recall_many([RecallQuery(owner=Owner(user), query="tea")] * size)) == "queries"
    assert await provider.list_memories(user) == []
