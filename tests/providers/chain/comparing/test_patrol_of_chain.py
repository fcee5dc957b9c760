"""A chain of several providers patrols by itself; a single one has nothing to compare."""

import asyncio

from providers.chain.describing import describe
from providers.errors import InvalidInput
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import each
from tests.support.states import live

ROUND_SECONDS = 700.0  # until the first round is over, its second look and its rests included


def test_a_chain_heals_its_stores() -> None:
    """What a standby has lost comes back without anybody's doing; what it refuses is shown by its status."""

    async def main(stage: Stage) -> None:
        home, standby = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("home", home), stage.part("standby", standby)])
        await asyncio.sleep(FILL_SECONDS)
        assert await stage.complete() == {"home", "standby"}
        await home.take([lost := live(USER)])

        await asyncio.sleep(ROUND_SECONDS)
        assert await standby.snapshots(lost.owner) == [lost]
        assert [one.differences for one in (await describe(chain)).providers] == [{}, {}]

        await home.take([live(USER, "refused")])
        standby.instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))
        await asyncio.sleep(ROUND_SECONDS)
        assert [one.differences for one in (await describe(chain)).providers] == [{}, {"missing": 1}]

    staged(main)


def test_a_single_provider_is_not_patrolled() -> None:
    """Neither without a journal nor with one is it read."""

    async def main(stage: Stage) -> None:
        for always in (False, True):
            store = stage.store()
            chain = stage.chain(always=always)
            await chain.switch([stage.part("alone", store)])
            await asyncio.sleep(ROUND_SECONDS)
            assert {"summaries", "snapshots", "snapshot"}.isdisjoint(store.calls)
            await chain.close()

    staged(main)
