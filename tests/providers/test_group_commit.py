"""Group commit: what arrives together is stored together, and nobody pays for his neighbour."""

import asyncio
from collections.abc import Sequence
from weakref import WeakSet

import pytest

from providers.errors import Unavailable
from providers.group_commit import MAX_COMBINED, Combiner


class Text:
    """Something that is large, and can be told to be gone."""


class Store:
    """Keep batches, each after the gate has been opened; some items are poison, and some times nothing works."""

    def __init__(self) -> None:
        self.batches: list[list[int]] = []
        self.gate = asyncio.Event()
        self.poison: set[int] = set()
        self.down = False

    async def store(self, items: Sequence[int]) -> list[int]:
        """Give each item's double."""
        self.batches.append(list(items))
        await self.gate.wait()
        if self.down:
            raise Unavailable("down", ambiguous=True)
        if self.poison & set(items):
            raise ValueError("poison")
        return [item * 2 for item in items]


async def started(combiner: Combiner[int, int], items: Sequence[int]) -> list[asyncio.Task[int]]:
    """Put items without waiting for them, and let everything go as far as it goes."""
    tasks = [asyncio.create_task(combiner.put(item)) for item in items]
    for _ in range(5):
        await asyncio.sleep(0)
    return tasks


async def test_a_write_that_meets_no_other_goes_at_once() -> None:
    """The first write is under way alone; those that come meanwhile share the next batch, in their order."""
    store = Store()
    combiner = Combiner(store.store, lanes=1)

    first = await started(combiner, [1])
    rest = await started(combiner, [2, 3, 4])
    assert store.batches == [[1]]
    store.gate.set()

    assert await asyncio.gather(*first, *rest) == [2, 4, 6, 8]
    assert store.batches == [[1], [2, 3, 4]]


async def test_who_gives_up_leaves_nothing_behind() -> None:
    """However long a database hangs, what those have written who wait no longer is not kept."""
    gate = asyncio.Event()

    async def hang(items: Sequence[Text]) -> Sequence[Text]:
        await gate.wait()
        return items

    combiner = Combiner(hang, lanes=1)
    first = asyncio.create_task(combiner.put(Text()))
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    texts: WeakSet[Text] = WeakSet()
    for text in (Text() for _ in range(3 * MAX_COMBINED)):
        texts.add(text)
        with pytest.raises(TimeoutError):
            async with asyncio.timeout(0):
                await combiner.put(text)

    assert len(texts) <= MAX_COMBINED + 2
    gate.set()
    await first


async def test_so_many_batches_are_under_way_as_there_are_lanes() -> None:
    """With two lanes two writes are under way, and a third waits."""
    store = Store()
    combiner = Combiner(store.store, lanes=2)

    tasks = [task for item in (1, 2, 3) for task in await started(combiner, [item])]
    assert store.batches == [[1], [2]]
    store.gate.set()

    assert await asyncio.gather(*tasks) == [2, 4, 6]
    assert store.batches[2:] == [[3]]


async def test_a_batch_has_a_bound() -> None:
    """However many wait, a batch holds no more than its bound."""
    store = Store()
    combiner = Combiner(store.store, lanes=1)

    tasks = await started(combiner, [0]) + await started(combiner, range(1, MAX_COMBINED + 2))
    store.gate.set()

    assert await asyncio.gather(*tasks) == [2 * item for item in range(MAX_COMBINED + 2)]
    assert [len(batch) for batch in store.batches] == [1, MAX_COMBINED, 1]


async def test_a_bug_meets_only_its_own_item() -> None:
    """When a batch fails for one item, its neighbours are stored one by one and it alone gets the error."""
    store = Store()
    store.poison = {3}
    combiner = Combiner(store.store, lanes=1)

    tasks = await started(combiner, [1]) + await started(combiner, [2, 3, 4])
    store.gate.set()
    answers = await asyncio.gather(*tasks, return_exceptions=True)

    assert [answer for answer in answers if not isinstance(answer, ValueError)] == [2, 4, 8]
    assert isinstance(answers[2], ValueError)


async def test_nobody_waits_for_an_answer_that_is_missing() -> None:
    """A store that answers fewer items than it was asked for has a bug, and who waits is told so."""

    async def short(items: Sequence[int]) -> list[int]:
        return [item * 2 for item in items][1:]

    combiner = Combiner(short, lanes=1)
    answers = asyncio.gather(*(combiner.put(item) for item in (1, 2)), return_exceptions=True)
    async with asyncio.timeout(10):
        assert [type(answer) for answer in await answers] == [ValueError, ValueError]


async def test_an_outage_is_told_to_all_and_asked_once() -> None:
    """When the database is unavailable every item of the batch is told so, without a try for each."""
    store = Store()
    store.down = True
    combiner = Combiner(store.store, lanes=1)

    tasks = await started(combiner, [1]) + await started(combiner, [2, 3])
    store.gate.set()

    for task in tasks:
        with pytest.raises(Unavailable):
            await task
    assert store.batches == [[1], [2, 3]]


async def test_who_gives_up_waiting_is_not_stored_and_harms_nobody() -> None:
    """A write cancelled while it waits is left out; one cancelled under way leaves its batch going."""
    store = Store()
    combiner = Combiner(store.store, lanes=1)

    [under_way] = await started(combiner, [1])
    left, stays = await started(combiner, [2, 3])
    left.cancel()
    under_way.cancel()
    store.gate.set()

    assert await stays == 6
    assert store.batches == [[1], [3]]


async def test_closing_waits_for_what_is_under_way() -> None:
    """After close nothing is under way any more, and all has been answered."""
    store = Store()
    combiner = Combiner(store.store, lanes=1)

    tasks = await started(combiner, [1, 2])
    store.gate.set()
    await combiner.close()

    assert [task.result() for task in tasks] == [2, 4]
