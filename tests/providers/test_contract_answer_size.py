"""What every provider promises of answers with a bound in bytes."""

from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from msgspec.structs import replace

from providers.answers import Found
from providers.base import MemoryProvider
from providers.errors import AnswerTooLarge
from providers.owners import Owner
from providers.types import MemoryRecord, NewMemory, PageQuery, RecallQuery

START = datetime(2024, 1, 1, tzinfo=UTC)
TEXT = "tea " + "green " * 200
COUNT = 6


async def filled(provider: MemoryProvider, user: str, text: str = TEXT) -> int:
    """Store some memories of one size, each a minute after the one before; return the bytes of one in an answer."""
    memories = [
        NewMemory(owner=Owner(user), content=text, created_at=START + timedelta(minutes=minute))
        for minute in range(COUNT)
    ]
    await provider.store_many(memories)
    return max(map(size_of, (await provider.page(PageQuery(owner=Owner(user)))).memories))


def size_of(record: MemoryRecord) -> int:
    """The bytes of a memory and a comma."""
    return len(msgspec.json.encode(record)) + 1


@pytest.mark.parametrize(("room", "shown"), [(1.0, 1), (1.9, 1), (2.0, 2), (COUNT - 0.5, COUNT - 1)])
async def test_a_page_ends_before_its_bound(provider: MemoryProvider, user: str, room: float, shown: int) -> None:
    """It is cut there, and shows the newest as ever."""
    size = await filled(provider, user)
    everything = (await provider.page(PageQuery(owner=Owner(user)))).memories

    page = await provider.page(PageQuery(owner=Owner(user), most_bytes=int(room * size)))

    assert page == Found(memories=everything[:shown], cut=True)


async def test_a_page_that_fits_is_whole(provider: MemoryProvider, user: str) -> None:
    """With just as many bytes as it takes, and without a bound."""
    size = await filled(provider, user)
    query = PageQuery(owner=Owner(user), limit=COUNT)

    for most in (COUNT * size, None):
        page = await provider.page(replace(query, most_bytes=most))
        assert (len(page.memories), page.cut) == (COUNT, False)


async def test_a_page_is_never_empty(provider: MemoryProvider, user: str) -> None:
    """A bound below the size of one memory leaves one, so that the list gets on; nothing listed is not cut."""
    await filled(provider, user)

    page = await provider.page(PageQuery(owner=Owner(user), most_bytes=1))
    beyond = await provider.page(PageQuery(owner=Owner(user), offset=COUNT, most_bytes=1))

    assert (len(page.memories), page.cut) == (1, True)
    assert (beyond.memories, beyond.cut) == ([], False)


async def test_pages_that_are_cut_are_the_list(provider: MemoryProvider, user: str) -> None:
    """Each goes on behind the one before, and the last one is not cut."""
    size = await filled(provider, user)
    query = PageQuery(owner=Owner(user), limit=5, most_bytes=2 * size)
    pages = [await provider.page(query)]
    while pages[-1].cut:
        pages.append(await provider.page(replace(query, after=pages[-1].memories[-1].position)))

    everything = (await provider.page(PageQuery(owner=Owner(user)))).memories
    assert [one for page in pages for one in page.memories] == everything
    assert [len(page.memories) for page in pages] == [2, 2, 2]


async def test_an_answer_fits_or_is_refused(provider: MemoryProvider, user: str) -> None:
    """The memories nearest to a question come all, or none: some of them would be another answer."""
    await filled(provider, user)
    query = RecallQuery(owner=Owner(user), query="tea", limit=COUNT)
    found = await provider.find(query)
    size = sum(map(size_of, found.memories))
    assert len(found.memories) == COUNT

    assert await provider.find(replace(query, most_bytes=size)) == found
    with pytest.raises(AnswerTooLarge) as refusal:
        await provider.find(replace(query, most_bytes=size - 1))

    assert refusal.value.most_bytes == size - 1


async def test_fewer_memories_fit(provider: MemoryProvider, user: str) -> None:
    """What the bound refuses is answered with a lower limit; nothing found fits always."""
    size = await filled(provider, user)
    query = RecallQuery(owner=Owner(user), query="tea", limit=COUNT, most_bytes=2 * size + 100)

    with pytest.raises(AnswerTooLarge):
        await provider.find(query)
    assert len((await provider.find(replace(query, limit=2))).memories) == 2
    assert (await provider.find(replace(query, query="unheard", min_score=0.99, most_bytes=1))).memories == []


async def test_escapes_count(provider: MemoryProvider, user: str) -> None:
    """The bound is on the JSON that is sent, in which a control character takes six bytes."""
    await filled(provider, user, "tea \x01" + "\x01" * 1_000)

    page = await provider.page(PageQuery(owner=Owner(user), most_bytes=2 * 6_000))

    assert (len(page.memories), page.cut) == (1, True)
