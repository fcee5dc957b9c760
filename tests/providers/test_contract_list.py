"""What every provider promises of lists: newest first, and pages that neither repeat nor hide."""

from datetime import UTC, datetime, timedelta
from uuid import UUID

import pytest
from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.owners import Owner
from providers.positions import Order, Position
from providers.types import MemoryRecord, NewMemory, PageQuery

START = datetime(2024, 1, 1, tzinfo=UTC)

# In no order.
IDS = [str(UUID(int=number << 124 | 4 << 76 | 8 << 60 | 1)) for number in (3, 15, 0, 9, 10)]


async def store(provider: MemoryProvider, user: str, minutes: list[int]) -> list[str]:
    """Store memories made at these minutes, and give their ids in the order of the list: newest first."""
    moments = [START + timedelta(minutes=minute) for minute in minutes]
    answers = await provider.remember_many(
        [NewMemory(owner=Owner(user), content="tea", created_at=moment) for moment in moments]
    )
    ids = [answer for answer in answers if isinstance(answer, str)]
    places = sorted(zip(moments, range(len(ids)), ids, strict=True), reverse=True)
    return [memory_id for _, _, memory_id in places]


def place_of(memory: MemoryRecord) -> Position:
    """The position behind which the list continues after this memory."""
    return memory.position


async def pages(provider: MemoryProvider, user: str, limit: int) -> list[str]:
    """The ids of all memories, read page by page behind the last one seen."""
    seen: list[str] = []
    after: Position | None = None
    while page := await provider.list_memories(user, limit, after=after):
        assert len(page) <= limit
        seen += [memory.id for memory in page]
        after = place_of(page[-1])
    return seen


async def test_the_newest_comes_first(provider: MemoryProvider, user: str) -> None:
    """The list goes by when memories were made, not by when they were stored."""
    newest_first = await store(provider, user, [5, 1, 9, 3, 7])

    assert [memory.id for memory in await provider.list_memories(user)] == newest_first


async def test_memories_of_one_moment_go_by_what_was_stored_first(provider: MemoryProvider, user: str) -> None:
    """Of equal moments the last one stored is the newest, whatever their ids are, and an edit moves none of them."""
    for memory_id in IDS:
        await provider.remember(user, "tea", memory_id=memory_id, created_at=START)
    await provider.update(user, IDS[1], content="more tea")

    assert [memory.id for memory in await provider.list_memories(user)] == IDS[::-1]


async def test_memories_of_one_moment_and_version_go_by_id(provider: MemoryProvider, user: str) -> None:
    """What was stored before first versions were is ordered by id, greatest first, the way UUIDs compare."""
    for memory_id in IDS:
        await provider.store(
            NewMemory(owner=Owner(user), content="tea", memory_id=memory_id, created_at=START, first_version=0)
        )
    newest_first = sorted(IDS, reverse=True)

    # A version that does not know first versions has handed out positions without one.
    page = await provider.list_memories(user, after=Position(START, newest_first[1]))

    assert [memory.id for memory in await provider.list_memories(user)] == newest_first
    assert [memory.id for memory in page] == newest_first[2:]


@pytest.mark.parametrize("order", ["newest", "oldest"])
async def test_a_batch_keeps_its_order(provider: MemoryProvider, user: str, order: Order) -> None:
    """Memories of one batch, made at one moment, are listed in the order of the batch, on pages as well."""
    owner = Owner(user)
    batch = [NewMemory(owner=owner, content=f"tea {number}", created_at=START) for number in range(6)]
    ids = [one.id for one in await provider.store_many(batch) if isinstance(one, Stored)]

    seen: list[str] = []
    query = PageQuery(owner=owner, limit=4, order=order)
    while page := (await provider.page(query)).memories:
        seen += [memory.id for memory in page]
        query = replace(query, after=page[-1].position)

    assert seen == (ids if order == "oldest" else ids[::-1])


async def test_a_repeated_write_keeps_its_place(provider: MemoryProvider, user: str) -> None:
    """A retry is the same write: it moves nothing."""
    batch = [NewMemory(owner=Owner(user), content="tea", memory_id=memory_id, created_at=START) for memory_id in IDS]
    await provider.store_many(batch)
    await provider.store_many(batch[2:3])

    assert [memory.id for memory in await provider.list_memories(user)] == IDS[::-1]


@pytest.mark.parametrize(("limit", "offset"), [(1, 0), (2, 1), (3, 2), (5, 0), (5, 4), (100, 3), (5, 5), (5, 100_000)])
async def test_an_offset_skips_the_newest(provider: MemoryProvider, user: str, limit: int, offset: int) -> None:
    """A page is the slice [offset, offset + limit) of the list."""
    newest_first = await store(provider, user, [1, 2, 2, 3, 4])

    page = await provider.list_memories(user, limit, offset)
    assert [memory.id for memory in page] == newest_first[offset : offset + limit]


async def test_the_list_gives_100_unless_told(provider: MemoryProvider, user: str) -> None:
    """Without a limit a page holds the newest hundred."""
    newest_first = await store(provider, user, list(range(103)))

    assert [memory.id for memory in await provider.list_memories(user)] == newest_first[:100]
    assert [memory.id for memory in await provider.list_memories(user, offset=100)] == newest_first[100:]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 20])
async def test_pages_behind_a_position_hold_everything_once(provider: MemoryProvider, user: str, limit: int) -> None:
    """Paging behind the last one seen shows every memory once, also among equal moments."""
    newest_first = await store(provider, user, [1, 2, 2, 2, 2, 3, 4, 4, 4, 5])

    assert await pages(provider, user, limit) == newest_first


async def test_an_offset_counts_from_the_position(provider: MemoryProvider, user: str) -> None:
    """With both, the offset skips what follows the position."""
    newest_first = await store(provider, user, [1, 2, 3, 4, 5])
    first = (await provider.list_memories(user, 1))[0]

    page = await provider.list_memories(user, 2, 1, after=place_of(first))
    assert [memory.id for memory in page] == newest_first[2:4]


async def test_nothing_is_repeated_or_hidden_while_others_come_and_go(provider: MemoryProvider, user: str) -> None:
    """What is stored or deleted while somebody pages neither repeats nor hides another memory."""
    newest_first = await store(provider, user, [10, 20, 30, 40, 50, 60])
    page = await provider.list_memories(user, 3)

    await store(provider, user, [25, 45, 70])
    await provider.delete(user, newest_first[0])
    await provider.delete(user, newest_first[2])
    await provider.delete(user, newest_first[4])
    rest = [memory.id for memory in await provider.list_memories(user, after=place_of(page[-1]))]

    assert [memory.id for memory in page] == newest_first[:3]
    assert [memory_id for memory_id in rest if memory_id in newest_first] == [newest_first[3], newest_first[5]]
    assert len(rest) == 3  # the one made at minute 25 came behind the position, the others before it


async def test_a_position_need_not_exist(provider: MemoryProvider, user: str) -> None:
    """The list continues behind a place where there never was a memory, given in any time zone."""
    newest_first = await store(provider, user, [1, 2, 3])
    ids = [str(UUID(int=0)), str(UUID(int=2**128 - 1)).upper()]

    places = [Position((START + timedelta(minutes=2)).astimezone(None), memory_id) for memory_id in ids]
    behind = [[memory.id for memory in await provider.list_memories(user, after=place)] for place in places]

    assert behind == [newest_first[2:], newest_first[1:]]


async def test_behind_the_last_there_is_nothing(provider: MemoryProvider, user: str) -> None:
    """Behind the oldest memory the list is empty."""
    await store(provider, user, [1, 2, 3])
    oldest = (await provider.list_memories(user))[-1]

    assert await provider.list_memories(user, after=place_of(oldest)) == []
