"""Whether the last look at a store was a good one."""

import asyncio

from providers.chain.chain import Chain
from providers.chain.stores.watch import IDLE_SECONDS, LOOK_SECONDS, SETTLED_SECONDS
from providers.errors import Unavailable
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import FrailProvider

_LOOKED = IDLE_SECONDS + LOOK_SECONDS  # seconds by when there has been another look


async def _two(stage: Stage) -> tuple[Chain, FrailProvider]:
    """Return a chain of two, and the store of the second."""
    chain, b = stage.chain(), stage.store()
    await chain.switch([stage.part("a", stage.store()), stage.part("b", b)])
    await chain.provider.remember(USER, "tea")
    await asyncio.sleep(FILL_SECONDS)
    return chain, b


def test_a_store_that_answers_and_lacks_nothing_is_well() -> None:
    """No store is before it has been looked at."""

    async def main(stage: Stage) -> None:
        chain = stage.chain()
        await chain.switch([stage.part("a", stage.store()), stage.part("b", stage.store())])
        assert not any(map(chain.hedging.looked_well, ("a", "b")))
        await asyncio.sleep(_LOOKED)

        assert all(map(chain.hedging.looked_well, ("a", "b")))
        assert not chain.hedging.looked_well("c")

    staged(main)


def test_a_store_that_does_not_answer_a_look_is_not_well() -> None:
    """Until it does again."""

    async def main(stage: Stage) -> None:
        chain, b = await _two(stage)
        b.failures["introduce"] = Unavailable("busy with a restore")
        await asyncio.sleep(2 * _LOOKED)
        silent = chain.hedging.looked_well("b")
        b.failures.clear()
        await asyncio.sleep(_LOOKED)

        assert (silent, chain.hedging.looked_well("b")) == (False, True)

    staged(main)


def test_a_store_that_lacks_what_it_has_confirmed_is_not_well() -> None:
    """From the look that finds it out on, before the next one confirms it."""

    async def main(stage: Stage) -> None:
        chain, b = await _two(stage)
        assert chain.membership is not None
        await asyncio.sleep(SETTLED_SECONDS)
        b.restore([], b._mark)  # noqa: SLF001 - what was lost since the last mark leaves the mark as it is
        [link] = [link for link in chain.links() if link.name == "b"]
        chain.membership.watch._marked.clear()  # noqa: SLF001 - as if the last write was younger than the mark
        await chain.membership.watch.look(link)

        assert not chain.hedging.looked_well("b")

    staged(main)


def test_a_look_that_fails_for_want_of_the_journal_says_nothing_of_the_store() -> None:
    """It stays as it was."""

    async def main(stage: Stage) -> None:
        chain, _ = await _two(stage)
        await asyncio.sleep(_LOOKED)
        stage.disk.down = True
        await asyncio.sleep(2 * _LOOKED)

        assert chain.hedging.looked_well("b")

    staged(main)
