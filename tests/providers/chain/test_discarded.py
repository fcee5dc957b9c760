"""What an operator has discarded is missing at its provider for ever, and no read believes that provider about it."""

import asyncio

import pytest

from providers.base import MemoryProvider
from providers.errors import InvalidInput, MemoryNotFound
from providers.journal.operations import DeadLetter, Done
from providers.owners import Owner
from providers.types import PageQuery, RecallQuery
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import FrailProvider, each

OWNER = Owner(USER)


async def discarded(stage: Stage) -> DeadLetter:
    """Discard the one dead letter that there is."""
    await asyncio.sleep(1.0)
    [letter] = await stage.journal.dead(10)
    assert await stage.journal.discard(letter.seq, letter.provider) is True
    return letter


async def contents(provider: MemoryProvider, memory_id: str) -> list[list[str | None]]:
    """What get, list and recall return."""
    fetched = await provider.fetch(OWNER, memory_id)
    page = await provider.page(PageQuery(owner=OWNER, limit=10))
    found = await provider.find(RecallQuery(owner=OWNER, query="tea", limit=10))
    return [[fetched.memory.content], [one.content for one in page.memories], [one.content for one in found.memories]]


async def opened(stage: Stage) -> tuple[MemoryProvider, FrailProvider, FrailProvider]:
    """Return a chain of which `a` and `b` have everything, and the two."""
    a, b = stage.store(), stage.store()
    chain = stage.chain()
    await chain.switch([stage.part("a", a), stage.part("b", b)])
    await asyncio.sleep(FILL_SECONDS)
    return chain.provider, a, b


def test_a_write_that_was_discarded_is_found() -> None:
    """The provider that refused it answers, and the memory is there; also after a sweep, until it has it."""

    async def main(stage: Stage) -> None:
        chain, a, b = await opened(stage)
        b.instead["store_many"] = each(lambda _: InvalidInput("content", "is not to its taste"))
        memory_id = await chain.remember(USER, "tea")
        letter = await discarded(stage)
        a.down = True
        await stage.journal.prune(0)

        assert await contents(chain, memory_id) == [["tea"]] * 3
        assert (await chain.find(RecallQuery(owner=OWNER, query="tea", limit=10))).provider == "b"
        await stage.journal.settle([Done(seq=letter.seq, provider="b")])
        await stage.journal.prune(0)
        with pytest.raises(MemoryNotFound):
            await chain.fetch(OWNER, memory_id)

    staged(main)


def test_a_deletion_that_was_discarded_stays() -> None:
    """The provider keeps a copy of the memory, which is never shown again."""

    async def main(stage: Stage) -> None:
        chain, a, b = await opened(stage)
        memory_id = await chain.remember(USER, "tea")
        await asyncio.sleep(5.0)
        b.instead["put_many"] = each(lambda _: InvalidInput("id", "is not to its taste"))
        await chain.delete(USER, memory_id)
        await discarded(stage)
        a.down = True
        for entry in await stage.journal.tombstones(10, 0):
            await stage.journal.forget([entry.seq])

        with pytest.raises(MemoryNotFound):
            await chain.fetch(OWNER, memory_id)
        assert (await chain.page(PageQuery(owner=OWNER, limit=10))).memories == []

    staged(main)
