"""The mark that is left in a store at the end of a service hides nothing that has become of it since the last look."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest
from msgspec.structs import replace

from providers.introduction import StoreMark
from tests.providers.chain.stage import USER, Stage, staged
from tests.providers.chain.stores.test_rollback import MARKED, Copy, of_lineage, two
from tests.support.frail import FrailProvider


async def put_back(store: FrailProvider, copy: Copy) -> None:
    """Put a store back to an earlier moment."""
    copy.put_back(store)


async def fail_over(store: FrailProvider, _copy: Copy) -> None:
    """Have the server of a store begin another history."""
    store.instead["introduce"] = of_lineage("another")


async def nothing(_store: FrailProvider, _copy: Copy) -> None:
    """Let a store be."""


@pytest.mark.parametrize(("change", "left"), [(nothing, True), (put_back, False), (fail_over, False)])
def test_only_a_store_as_it_was_is_marked_in_the_end(
    change: Callable[[FrailProvider, Copy], Awaitable[None]],
    left: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    """Whoever starts next has to find out what has become of it."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        home.instead["introduce"] = of_lineage("first")
        await asyncio.sleep(MARKED)
        copy = await Copy.of(home)
        await chain.provider.remember(USER, "stored later")
        await asyncio.sleep(MARKED)
        await change(home, copy)
        before = (await home.introduce()).mark
        await chain.close()

        after = (await home.introduce()).mark
        assert before is not None
        assert after == (_last_after(before, after) if left else before)

    staged(main)


def _last_after(before: StoreMark, after: StoreMark | None) -> StoreMark | None:
    return None if after is None else replace(before, number=before.number + 1, at=after.at, pending=False)
