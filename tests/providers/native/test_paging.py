"""Pages by metadata: along the list, or by the index, the same memories in the same order."""

from collections.abc import AsyncIterator, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from msgspec.structs import replace

from providers.filters import And, Contains, Eq, Filter
from providers.native.paging import NEAREST, is_frequent, page_rows
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.positions import Order
from providers.types import MemoryRecord, NewMemory, PageQuery
from tests.support.native import open_native_provider

OWNER, OTHER = Owner("anna"), Owner("bob")
MEMORIES = 400
FIRST = datetime(2026, 1, 1, tzinfo=UTC)
# Of each kind of spread one: all along, some at one end alone, hardly any, none.
ASKED: list[Filter] = [
    Eq("half", 1),
    Eq("fifth", 2),
    Eq("old", value=True),
    Eq("rare", 7),
    Eq("half", 9),
    Contains("tags", 3),
    And([Eq("half", 1), Contains("tags", 3)]),
]


@pytest.fixture
async def provider(database: str) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider whose owners have memories with all of these."""
    async with open_native_provider(database) as opened:
        for owner in (OWNER, OTHER):
            await opened.store_many(
                [
                    NewMemory(
                        owner=owner,
                        content=f"tea {number}",
                        created_at=FIRST + timedelta(minutes=number // 3),
                        session="one" if number % 4 else None,
                        metadata={
                            "half": number % 2,
                            "fifth": number % 5,
                            "old": number < 60,
                            "rare": number % 200,
                            "tags": [number % 10, "x"],
                        },
                    )
                    for number in range(MEMORIES)
                ]
            )
        yield opened


async def listed(provider: PostgresMemoryProvider, query: PageQuery) -> list[MemoryRecord]:
    """All memories of a list, page by page."""
    found: list[MemoryRecord] = []
    while True:
        page = (await provider.page(replace(query, after=found[-1].position if found else None))).memories
        found += page
        if len(page) < query.limit:
            return found


def expected(memories: Sequence[MemoryRecord], query: PageQuery) -> list[str]:
    """The ids that belong on the first page."""
    return [one.id for one in memories if query.admits(one)][query.offset : query.offset + query.limit]


@pytest.mark.parametrize("order", ["newest", "oldest"])
@pytest.mark.thorough
async def test_every_way_leads_to_the_same_page(provider: PostgresMemoryProvider, order: Order) -> None:
    """However far the list is walked, with labels, offsets and bounds in bytes as well."""
    everything = await listed(provider, PageQuery(owner=OWNER, order=order, limit=1_000))
    for where in ASKED:
        plain = PageQuery(owner=OWNER, order=order, where=where, limit=20)
        large = replace(plain, limit=1_000, most_bytes=10_000_000)
        for query in (plain, large, replace(plain, session="one"), replace(plain, offset=7)):
            for nearest, farthest in ((NEAREST, MEMORIES), (20, 50), (20, 300), (1, 1), (MEMORIES, MEMORIES)):
                rows = await page_rows(provider._database, query, nearest, farthest)  # noqa: SLF001 - the ways, one by one
                assert [str(row.id) for row in rows] == expected(everything, query), (query, nearest, farthest)


async def test_pages_follow_each_other(provider: PostgresMemoryProvider) -> None:
    """By their cursors, each memory once."""
    everything = await listed(provider, PageQuery(owner=OWNER, limit=1_000))
    for where in ASKED:
        query = PageQuery(owner=OWNER, where=where, limit=11)
        assert [one.id for one in await listed(provider, query)] == expected(everything, replace(query, limit=MEMORIES))


def test_the_nearest_tell_how_frequent_the_others_are() -> None:
    """Of 100,000 memories the index leads to fewer than a walk looks at, below one in some thirty."""
    assert is_frequent(16, 100)
    assert not is_frequent(15, 100)
    assert not is_frequent(0, 1)
