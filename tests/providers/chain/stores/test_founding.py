"""A store is told with the founding to which journal it belongs, so that no other one can be founded in its place."""

import pytest

from providers.chain.errors import OrderRefused
from providers.errors import Unavailable
from providers.journal.operations import MemberState
from tests.providers.chain.stage import Stage, staged
from tests.support.frail import FrailProvider


async def mark_of(store: FrailProvider) -> str | None:
    """Return the id of the journal to which a store says that it belongs."""
    mark = (await store.introduce()).mark
    return None if mark is None else mark.journal


def test_every_store_is_marked_when_the_order_is_in_force() -> None:
    """Its mark is not left to the next look."""

    async def main(stage: Stage) -> None:
        stores = {"a": stage.store(), "b": stage.store()}
        process = stage.process("one", [stage.link(name, store) for name, store in stores.items()])
        await process.membership.admit(process.links, {})

        assert {await mark_of(store) for store in stores.values()} == {stage.journal.id}

    staged(main)


def test_a_journal_lost_right_after_the_first_start_is_noticed() -> None:
    """Neither several stores nor a single one are taken for those of the journal that is in its place."""

    async def main(stage: Stage) -> None:
        stores = {"a": stage.store(), "b": stage.store()}
        links = [stage.link(name, store) for name, store in stores.items()]
        await stage.process("one", links).membership.admit(links, {})
        for again in (links, links[:1]):
            other = Stage(stage.clock)

            with pytest.raises(OrderRefused, match="ninai journal adopt"):
                await other.process("two", again).membership.admit(again, {})
            assert await other.journal.members() == []
            await other.close()

    staged(main)


def test_a_store_that_cannot_take_its_mark_is_marked_by_the_next_look() -> None:
    """The journal is founded all the same, and the store serves."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        store.failures["leave_mark"] = Unavailable("full")
        link = stage.link("a", store)
        process = stage.process("one", [link])
        await process.membership.admit(process.links, {})
        member = await stage.member("a")
        assert (await mark_of(store), member and member.state) == (None, MemberState.COMPLETE)

        del store.failures["leave_mark"]
        await process.membership.watch.look(link)
        assert await mark_of(store) == stage.journal.id

    staged(main)
