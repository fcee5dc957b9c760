"""Writes of a chain are slowed down while much waits for home, and are accepted all the same."""

import asyncio

import pytest

from providers.chain.chained import ChainedProvider
from providers.chain.describing import describe
from providers.chain.observer import SlowReason, Unobserved
from providers.chain.waiting.pacing import FEW, KNOWN_SECONDS, LARGE_BACKLOG, OLD_BACKLOG_SECONDS, SUSPECT
from providers.owners import Owner
from providers.types import NewMemory
from tests.providers.chain.scene import DOWN, USER, Scene, play
from tests.providers.chain.stage import FILL_SECONDS, Stage, staged

OTHER = "meena"
_BATCH = 500


class Slowed(Unobserved):
    """An observer that counts the writes that are slowed down."""

    def __init__(self) -> None:
        self.reasons: list[SlowReason] = []

    def slowed(self, reason: SlowReason) -> None:
        """Count one."""
        self.reasons.append(reason)


async def _seconds(scene: Scene, number: int, user: str = USER) -> float:
    """Store memories one after the other, all of which are accepted, and return the seconds that it takes."""
    started = scene.clock()
    noted = 0.0
    for _ in range(number):
        told = scene.listen()
        await scene.chain.remember(user, "tea")
        assert told.accepted
        noted += told.provider_seconds
    seconds = scene.clock() - started
    assert seconds < 1.0 or noted > 0.9 * seconds  # and is no overhead of our own
    return seconds


async def _accept(scene: Scene, number: int) -> None:
    for start in range(0, number, _BATCH):
        await scene.remember(*["tea"] * min(_BATCH, number - start))


def test_an_old_backlog_slows_writes_down() -> None:
    """All of them are accepted, one after the other, at a distance; reads wait for nothing."""

    async def act(scene: Scene) -> None:
        slowed = Slowed()
        scene.watch(slowed)
        scene.home.failures["*"] = DOWN
        quick = await _seconds(scene, 20)
        scene.chained.pacing.look(pending=20, oldest_seconds=100.0)
        slow = await _seconds(scene, 20)
        started = scene.clock()
        await scene.chain.list_memories(USER)

        assert quick < 1.0 < slow
        assert slowed.reasons == [SlowReason.OLD] * 19
        assert scene.clock() - started < 1.0

    play(act)


def test_a_large_backlog_slows_its_user_down() -> None:
    """The journal is asked how many there are, now and then, and not for each write."""

    async def act(scene: Scene) -> None:
        slowed = Slowed()
        scene.watch(slowed)
        scene.home.failures["*"] = DOWN
        await _accept(scene, LARGE_BACKLOG + 1)
        await asyncio.sleep(KNOWN_SECONDS)
        looks = 0
        entries = scene.journal.entries

        async def counted(*asked: object, **named: object) -> object:
            nonlocal looks
            looks += 1
            return await entries(*asked, **named)  # type: ignore[arg-type] # passed on as they are

        vars(scene.journal)["entries"] = counted
        slow = await _seconds(scene, 10)
        other = await _seconds(scene, 10, OTHER)

        assert slow > 2.0
        assert other < 1.0
        assert set(slowed.reasons) == {SlowReason.LARGE}
        assert 1 <= looks <= 1 + slow / KNOWN_SECONDS

    play(act)


def test_a_user_whose_backlog_was_delivered_is_quick_again() -> None:
    """By whichever process."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN
        await _accept(scene, LARGE_BACKLOG + 1)
        await asyncio.sleep(KNOWN_SECONDS)
        slow = await _seconds(scene, 5)
        scene.home.failures.clear()
        await asyncio.sleep(60)
        await scene.deliver()
        started = scene.clock()
        for _ in range(5):
            await scene.chain.remember(USER, "tea")

        assert scene.clock() - started < 1.0 < slow

    play(act)


@pytest.mark.parametrize("accepted", [SUSPECT, LARGE_BACKLOG - 1])
def test_a_journal_that_does_not_answer_slows_nobody(accepted: int) -> None:
    """What is not known counts for nothing; the write itself fails without the journal."""

    async def act(scene: Scene) -> None:
        scene.home.failures["*"] = DOWN
        await _accept(scene, accepted)

        assert await _seconds(scene, 5) < 1.0

    play(act)


def test_the_state_of_a_chain_slows_its_writes_down() -> None:
    """As it is sampled: what waits for home is too old; what waits for a standby does not matter."""

    async def main(stage: Stage) -> None:
        chain, home, standby = stage.chain(), stage.store(), stage.store()
        await chain.switch([stage.part("home", home), stage.part("standby", standby)])
        await asyncio.sleep(FILL_SECONDS)
        provider = chain.provider
        assert isinstance(provider, ChainedProvider)
        seen: list[bool] = []
        for store in (standby, home):
            store.down = True
            for _ in range(FEW + 1):
                await provider.remember(USER, "tea")
            await asyncio.sleep(OLD_BACKLOG_SECONDS + 1)
            provider.observe(await describe(chain))
            seen.append(provider.pacing.idle)
        home.down = standby.down = False
        await asyncio.sleep(100)
        provider.observe(await describe(chain))

        assert [*seen, provider.pacing.idle] == [True, False, True]

    staged(main)


def test_every_kind_of_write_is_slowed_down() -> None:
    """A change, a deletion and a batch, too: each is one more delivery."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(USER, "tea")
        slowed = Slowed()
        scene.watch(slowed)
        scene.chained.pacing.look(pending=20, oldest_seconds=1_000.0)

        await scene.chain.remember(USER, "coffee")
        await scene.chain.update(USER, memory_id, content="cocoa")
        await scene.chain.delete(USER, memory_id)
        await scene.chain.remember_many([NewMemory(owner=Owner(USER), content="milk")])
        await scene.chain.erase_all(Owner(USER))

        assert len(slowed.reasons) == 4

    play(act)
