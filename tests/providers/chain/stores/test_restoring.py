"""A journal that was put back from a backup believes no store, whatever mark it finds there."""

import asyncio

from providers.chain.execution import RESTORED
from providers.chain.stores.restoring import distrust_all
from providers.chain.stores.watch import IDLE_SECONDS
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.providers.chain.stores.test_rollback import MARKED, found, two


def test_stores_whose_marks_are_as_noted_are_not_believed_either() -> None:
    """Answers are marked until all stores are merged; nothing is lost by it, and then they are complete again."""

    async def main(stage: Stage) -> None:
        chain, *_ = await two(stage)
        kept = await chain.provider.remember(USER, "kept")
        await asyncio.sleep(MARKED)

        assert await distrust_all(stage.journal) == ["home", "standby"]
        await asyncio.sleep(IDLE_SECONDS)
        members = [await stage.member(name) for name in ("home", "standby")]
        answer = await found(chain, kept)

        assert [member is not None and (member.epoch, member.restored) for member in members] == [(3, True)] * 2
        assert (answer.eventual, answer.degraded) == (True, (RESTORED,))
        await asyncio.sleep(3 * FILL_SECONDS)
        assert await stage.complete() == {"home", "standby"}
        assert not (await found(chain, kept)).eventual

    staged(main)


def test_a_journal_without_members_has_nobody_to_distrust() -> None:
    """It is left as it is."""

    async def main(stage: Stage) -> None:
        assert await distrust_all(stage.journal) == []

    staged(main)
