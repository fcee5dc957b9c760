"""A batch of memories for a provider without a journal: what was stored in time is known to be."""

from collections.abc import Sequence

import pytest

from providers.answers import Stored
from providers.chain.errors import NoTimeLeft
from providers.chain.store_batch import SLICE_CHARS, SLICE_MEMORIES, slices
from providers.errors import InvalidInput, ProviderError, TimedOut, Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory
from tests.providers.chain.stage import USER, Stage, staged
from tests.providers.chain.test_guarded import Alone, request
from tests.support.frail import FrailProvider


def of(*contents: str) -> list[NewMemory]:
    """Memories with these texts."""
    return [NewMemory(owner=Owner(USER), content=content) for content in contents]


def failing_from(place: int, error: ProviderError, store: FrailProvider) -> None:
    """Let a store fail for all calls from this one on."""
    seen = []

    async def store_many(provider: FrailProvider, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        seen.append(len(memories))
        if len(seen) > place:
            raise error
        return await MockMemoryProvider.store_many(provider, memories)

    store.instead["store_many"] = store_many


@pytest.mark.parametrize(
    ("lengths", "cut"),
    [
        ([1], [1]),
        ([1] * SLICE_MEMORIES, [SLICE_MEMORIES]),
        ([1] * (SLICE_MEMORIES + 1), [SLICE_MEMORIES, 1]),
        ([SLICE_CHARS // 2] * 2, [2]),
        ([SLICE_CHARS // 2, SLICE_CHARS // 2 + 1], [1, 1]),
        ([1, SLICE_CHARS + 1, 1], [1, 1, 1]),
    ],
)
def test_slices_are_bounded(lengths: list[int], cut: list[int]) -> None:
    """By memories and by characters; a text that is longer than a slice is one."""
    memories = of(*("x" * length for length in lengths))

    parts = list(slices(memories))

    assert [len(part) for part in parts] == cut
    assert [memory for part in parts for memory in part] == memories


def test_a_small_batch_is_one_call() -> None:
    """Up to the size of a slice nothing changes; a larger one takes a call for each."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        await one.provider.store_many(of(*["tea"] * SLICE_MEMORIES))
        assert one.store.calls.count("store_many") == 1
        stored = await one.provider.store_many(of(*["tea"] * (2 * SLICE_MEMORIES + 1)))

        assert one.store.calls.count("store_many") == 4
        assert {result.provider for result in stored if isinstance(result, Stored)} == {"only"}
        assert len({result.id for result in stored if isinstance(result, Stored)}) == len(stored)

    staged(main)


def test_what_was_stored_in_time_is_known() -> None:
    """Of the slice that was cut off it is not known; the rest was never sent, and says so."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        one.store.seconds = 0.4
        began = stage.clock.now
        with request(patience=1.0):
            results = await one.provider.store_many(of(*["tea"] * 500))

        assert stage.clock.now - began == pytest.approx(1.0)
        assert all(isinstance(result, Stored) for result in results[:200])
        assert all(isinstance(result, TimedOut) and result.ambiguous for result in results[200:300])
        assert all(isinstance(result, NoTimeLeft) and not result.ambiguous for result in results[300:])
        assert len(await one.store.snapshots(Owner(USER))) == 200

    staged(main)


def test_after_a_failure_nothing_more_is_sent() -> None:
    """Who is down stays down for the rest of a batch; each of the memories has the error."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        failing_from(1, Unavailable("down"), one.store)

        results = await one.provider.store_many(of(*["tea"] * 400))

        assert [isinstance(result, Stored) for result in results] == [True] * 100 + [False] * 300
        assert {str(result) for result in results[100:]} == {"down"}
        assert one.store.calls.count("store_many") == 1 + 2  # with one more try

    staged(main)


def test_where_nothing_is_known_the_batch_is_refused_as_a_whole() -> None:
    """Its caller repeats it whole, under the same ids; if any of it may have happened, the error says so."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        failing_from(0, Unavailable("connection lost", ambiguous=True), one.store)

        with pytest.raises(Unavailable) as failure:
            await one.provider.store_many(of(*["tea"] * 400))

        assert failure.value.ambiguous

    staged(main)


def test_what_breaks_a_rule_fails_alone() -> None:
    """In each slice."""

    async def main(stage: Stage) -> None:
        results = await Alone(stage).provider.store_many(of(*["tea"] * 150, " ", "tea"))

        assert [place for place, result in enumerate(results) if not isinstance(result, Stored)] == [150]
        assert isinstance(results[150], InvalidInput)

    staged(main)


def test_a_batch_has_a_size() -> None:
    """More than a thousand are refused before the first is stored."""

    async def main(stage: Stage) -> None:
        one = Alone(stage)
        with pytest.raises(InvalidInput):
            await one.provider.store_many(of(*["tea"] * 1_001))

        assert one.store.calls == []
        assert len(await one.provider.store_many(of(*["tea"] * 1_000))) == 1_000

    staged(main)
