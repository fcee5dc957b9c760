"""A store that was away is not believed until it has been looked at: it may come back with older data."""

import asyncio

from providers.answers import Answer
from providers.chain.chain import Chain
from providers.chain.stores.watch import IDLE_SECONDS, LOOK_SECONDS, SETTLED_SECONDS
from providers.chain.unanswered import UNCHECKED
from providers.errors import MemoryNotFound, Unavailable
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.providers.chain.stores.test_rollback import MARKED, OWNER, found, two
from tests.support.frail import FrailProvider

_AWAY = IDLE_SECONDS + LOOK_SECONDS
_CHECKED = 2 * LOOK_SECONDS + 2 * SETTLED_SECONDS  # seconds by when a store that is back has been looked at
_OFTEN = 0.05  # seconds between two reads

ABSENT = "absent"  # what a read says that finds nothing


async def _one(stage: Stage) -> tuple[Chain, FrailProvider]:
    """Return a chain of one store with a journal."""
    home, chain = stage.store(), stage.chain(always=True)
    await chain.switch([stage.part("home", home)])
    await asyncio.sleep(FILL_SECONDS)
    return chain, home


async def _away(store: FrailProvider) -> None:
    """Let a store be away for so long that it is looked at meanwhile, while no caller asks it."""
    store.down = True
    await asyncio.sleep(_AWAY)


async def _told(chain: Chain, memory_id: str) -> tuple[str, bool, tuple[str, ...]]:
    """Return who answers a read, or what kept all from it; whether that may lack a write; and why it is degraded."""
    try:
        answer: Answer = await found(chain, memory_id)
    except MemoryNotFound as error:
        answer = error.answer or Answer()
        return ABSENT, answer.eventual, tuple(answer.degraded)
    except Unavailable as error:
        return error.outcome, True, ()
    return str(answer.provider), answer.eventual, tuple(answer.degraded)


async def _told_for(chain: Chain, memory_id: str, seconds: float) -> list[tuple[str, bool, tuple[str, ...]]]:
    told = []
    for _ in range(int(seconds / _OFTEN)):
        told.append(await _told(chain, memory_id))
        await asyncio.sleep(_OFTEN)
    return told


def test_a_home_that_comes_back_with_older_data_is_not_believed() -> None:
    """From its first answer on others answer, until it has received again what it lost."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        kept = await chain.provider.remember(USER, "stored just before")
        await asyncio.sleep(MARKED)
        mark = (await home.introduce()).mark
        await _away(home)
        home.restore([], mark)  # as a replica that took over with its last writes missing
        home.down = False

        told = await _told_for(chain, kept, FILL_SECONDS)
        assert ("standby", False, ("home_unchecked",)) in told
        assert {(who, eventual) for who, eventual, _ in told} == {("standby", False), ("home", False)}
        assert told[-1] == ("home", False, ())
        assert await home.snapshot(OWNER, kept) is not None

    staged(main)


def test_the_only_store_says_that_it_was_not_looked_at() -> None:
    """What it has lost may be missing in its answers, and is not for good."""

    async def main(stage: Stage) -> None:
        chain, home = await _one(stage)
        kept = await chain.provider.remember(USER, "stored just before")
        await asyncio.sleep(MARKED)
        mark = (await home.introduce()).mark
        await _away(home)
        home.restore([], mark)
        home.down = False

        told = await _told_for(chain, kept, FILL_SECONDS)
        assert (ABSENT, False) not in {(who, eventual) for who, eventual, _ in told}
        assert any(UNCHECKED in reasons for _, _, reasons in told)
        assert told[-1] == ("home", False, ())

    staged(main)


def test_who_comes_back_as_it_was_answers_soon() -> None:
    """One look is enough, and until then another one answers."""

    async def main(stage: Stage) -> None:
        chain, home, _ = await two(stage)
        kept = await chain.provider.remember(USER, "tea")
        await asyncio.sleep(MARKED)
        await _away(home)
        home.down = False

        told = await _told_for(chain, kept, FILL_SECONDS)
        assert told[int(_CHECKED / _OFTEN) :] == [("home", False, ())] * (len(told) - int(_CHECKED / _OFTEN))

    staged(main)


def test_while_nobody_else_answers_who_was_away_does() -> None:
    """A standby that fails leaves the answer to home, marked as what it is."""

    async def main(stage: Stage) -> None:
        chain, home, standby = await two(stage)
        kept = await chain.provider.remember(USER, "tea")
        await asyncio.sleep(MARKED)
        await _away(home)
        standby.down = True
        home.down = False

        told = await _told_for(chain, kept, FILL_SECONDS)
        assert ("home", True, (UNCHECKED,)) in told
        assert told[-1] == ("home", False, ())

    staged(main)
