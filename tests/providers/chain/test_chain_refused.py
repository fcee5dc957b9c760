"""An order that cannot be put in force changes nothing, and leaves nothing open."""

import asyncio
import contextlib

import pytest

from providers.chain.errors import OrderRefused
from providers.chain.opening import ProviderSpec
from providers.chain.policy import AttemptPolicy
from providers.errors import Misconfigured
from providers.owners import Owner
from providers.replica import Replica
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged


class Faulty(contextlib.AbstractAsyncContextManager[Replica]):
    """A provider whose settings make no sense."""

    async def __aenter__(self) -> Replica:
        raise Misconfigured("no such database")

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""


def test_two_names_for_one_store_are_refused() -> None:
    """Each would take the other's copy for its own."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        with pytest.raises(OrderRefused, match="a and b are one and the same store"):
            await stage.chain().switch([stage.part("a", store), stage.part("b", store)])

        assert (store.opened, store.open) == (2, 0)

    staged(main)


def test_one_store_is_recognised_under_a_second_name_later() -> None:
    """It makes no difference that one of the twins has been open before."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        chain = stage.chain(always=True)
        await chain.switch([stage.part("a", store)])
        with pytest.raises(OrderRefused, match="one and the same store"):
            await chain.switch([stage.part("a", store), stage.part("b", store)])

        assert ([link.name for link in chain.links()], store.open) == (["a"], 1)

    staged(main)


def test_several_providers_need_a_journal() -> None:
    """Without one, an order of two is refused before anything is opened."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        with pytest.raises(OrderRefused, match="needs a journal"):
            await stage.chain(journal=False).switch([stage.part("a", store), stage.part("b", stage.store())])

        assert store.opened == 0

    staged(main)


def test_what_cannot_be_opened_leaves_everything_as_it_was() -> None:
    """The order in force goes on, and what was opened beside the faulty one is closed."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("old", old)])
        faulty = ProviderSpec(name="faulty", settings=None, opened=Faulty, attempts=AttemptPolicy())
        with pytest.raises(Misconfigured, match="no such database"):
            await chain.switch([stage.part("new", new), faulty])

        assert (chain.first, old.open, new.opened, new.open) == ("old", 1, 1, 0)
        memory_id = await chain.provider.remember(USER, "a memory")
        assert await old.snapshot(Owner(USER), memory_id) is not None

    staged(main)


def test_an_order_without_anybody_complete_is_refused() -> None:
    """Who has everything must be kept until another one has."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        chain = stage.chain(always=True)
        await chain.switch([stage.part("old", old)])
        with pytest.raises(OrderRefused, match="keep old in the order"):
            await chain.switch([stage.part("new", new)])

        assert (chain.first, old.open, new.open) == ("old", 1, 0)
        assert [member.name for member in await stage.journal.members()] == ["old"]

    staged(main)


def test_a_single_provider_is_not_left_out_with_the_first_journal() -> None:
    """What was alone without a journal counts as complete, and so must be kept."""

    async def main(stage: Stage) -> None:
        chain = stage.chain()
        await chain.switch([stage.part("old", stage.store())])

        with pytest.raises(OrderRefused, match="keep old in the order"):
            await chain.switch([stage.part("b", stage.store()), stage.part("c", stage.store())])
        assert chain.first == "old"

    staged(main)


def test_a_first_journal_must_be_reached_once() -> None:
    """Until it knows that the one that was alone has everything, it would take whoever stands first for complete."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("old", old)])
        memory_id = await chain.provider.remember(USER, "stored without a journal")
        both = [stage.part("new", new), stage.part("old", old)]
        stage.disk.down = True
        with pytest.raises(OrderRefused, match="must hear first that old is complete"):
            await chain.switch(both)
        assert (chain.journal, stage.opened_journals, new.open) == (None, 0, 0)

        stage.disk.down = False
        await chain.switch(both)
        assert chain.first == "old"
        assert (await chain.provider.get(USER, memory_id)).id == memory_id

    staged(main)


def test_what_was_stored_alone_is_not_hidden_behind_a_former_home() -> None:
    """The journal knows another home than the one that is alone now; an order of both is refused as often as tried."""

    async def main(stage: Stage) -> None:
        home, alone = stage.store(), stage.store()
        await stage.journal.join("home", await home.identity())
        chain = stage.chain()
        await chain.switch([stage.part("alone", alone)])
        memory_id = await chain.provider.remember(USER, "stored without a journal")
        for _ in range(2):
            with pytest.raises(OrderRefused, match="keep home in the order"):
                await chain.switch([stage.part("home", home), stage.part("alone", alone)])

        assert (await chain.provider.get(USER, memory_id)).id == memory_id
        assert (chain.journal, stage.opened_journals, home.open) == (None, 0, 0)

    staged(main)


def test_a_newcomer_is_not_home_because_the_journal_is_out_of_reach() -> None:
    """While the journal cannot tell who has everything, what this process knew of it still holds."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        chain = stage.chain(always=True)
        await chain.switch([stage.part("old", old)])
        memory_id = await chain.provider.remember(USER, "a memory")
        await asyncio.sleep(1)
        stage.disk.down = True
        with contextlib.suppress(OrderRefused):  # which would be as good
            await chain.switch([stage.part("new", new), stage.part("old", old)])

        assert chain.first == "old"
        assert (await chain.provider.get(USER, memory_id)).id == memory_id

    staged(main)


def test_an_empty_store_that_is_down_at_first_does_not_answer_for_the_one_that_was() -> None:
    """A name that is given to another store says nothing while that store cannot be asked who it is, nor after it."""

    async def main(stage: Stage) -> None:
        home, standby, empty = stage.store(), stage.store(), stage.store()
        chain = stage.chain(always=True)
        await chain.switch([stage.part("home", home), stage.part("standby", standby)])
        memory_id = await chain.provider.remember(USER, "a memory")
        await asyncio.sleep(FILL_SECONDS)
        empty.down = True
        await chain.switch([stage.part("home", empty), stage.part("standby", standby)])
        empty.down = False
        await asyncio.sleep(1)

        assert [record.id for record in await chain.provider.list_memories(USER)] == [memory_id]

    staged(main)
