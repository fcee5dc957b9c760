"""A backfill loses no deletion, whichever of the two stores alone knows it."""

from collections.abc import Sequence

from msgspec.structs import replace
from structlog.testing import capture_logs

from providers.chain.applying import propagated
from providers.errors import ProviderError
from providers.owners import Owner
from providers.states.editing import tombstone_for
from providers.types import Snapshot
from tests.providers.chain.filling import TOO_MUCH, Filling, state_in
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import FrailProvider


def test_a_deletion_that_only_the_newcomer_knows_is_brought_to_all() -> None:
    """Delete wins: the tombstone is spread by the journal, also to providers that the backfill does not ask."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await stage.journal.join("third", None)
        kept = await filling.source.remember(USER, "alive at home")
        await filling.target.put_many([Snapshot(user_id=USER, id=kept, version=1, content=None)])

        with capture_logs() as logs:
            await filling.fill()
        assert await stage.complete() == {"old", "new"}
        entry = await stage.journal.newest(Owner(USER), kept)
        assert entry is not None
        assert (entry.state.deleted, entry.pending) == (True, frozenset({"old", "new", "third"}))
        assert [one["memory_id"] for one in logs if one["event"] == "deletion_spread"] == [kept]

    staged(main)


def test_a_deletion_during_the_copy_is_spread_by_whoever_made_it() -> None:
    """The source was asked before, and the newcomer has the tombstone already: no store knew more than the others."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        gone = await filling.source.remember(USER, "to be deleted")

        async def put_late(target: FrailProvider, states: Sequence[Snapshot]) -> list[ProviderError | None]:
            held = await state_in(filling.source, gone)
            tombstone = tombstone_for(held, held.version + 1)
            await stage.journal.append([propagated(tombstone)])
            for store in (filling.source, target):
                await store.take([tombstone])
            target.instead.clear()
            return await target.take(states)

        filling.target.instead["put_many"] = put_late
        with capture_logs() as logs:
            await filling.fill()
        assert await stage.complete() == {"old", "new"}
        assert (await state_in(filling.source, gone)).deleted
        assert not [one for one in logs if one["event"] == "deletion_spread"]

    staged(main)


def test_a_deletion_found_after_the_copy_is_brought_to_all() -> None:
    """The comparison finds what the copy has not: here the user counts as copied."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        kept = await filling.source.remember(USER, "alive at home")
        await filling.target.put_many([Snapshot(user_id=USER, id=kept, version=1, content=None)])
        await stage.journal.note_fill("new", after=USER, copied=1, copied_users=1)

        await filling.fill()
        assert await stage.complete() == {"old", "new"}
        entry = await stage.journal.newest(Owner(USER), kept)
        assert entry is not None
        assert entry.state.deleted
        assert [progress.repaired for progress in filling.told] == [1, 0]

    staged(main)


def test_the_newcomer_gets_the_deletions_of_what_it_never_held() -> None:
    """It may become the only store that remembers them when another one comes back with the memories."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        gone = await filling.source.remember(USER, "to be deleted")
        await filling.source.delete(USER, gone)
        await stage.journal.note_fill("new", after=USER, copied=1, copied_users=1)

        await filling.fill()
        assert (await state_in(filling.target, gone)).deleted

    staged(main)


def test_deletions_of_the_newcomers_own_stay_its_own() -> None:
    """A tombstone without a memory is harmless: home is not filled with those of a stranger."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        own = await filling.target.remember(USER, "a memory of another time")
        await filling.target.delete(USER, own)

        await filling.fill()
        assert await filling.source.snapshots(Owner(USER)) == []
        assert await stage.journal.newest(Owner(USER), own) is None
        assert await stage.complete() == {"old", "new"}

    staged(main)


def test_a_newer_text_at_the_newcomer_is_too_much() -> None:
    """An operator decides what becomes of it; a later version of the same text is none."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        edited, repeated = [await filling.source.remember(USER, f"tea {number}") for number in range(2)]
        states = [await state_in(filling.source, one) for one in (edited, repeated)]
        await filling.target.put_many([replace(state, version=state.version + 1) for state in states])
        await filling.target.update(USER, edited, content="coffee")

        assert await filling.refusal() == TOO_MUCH

    staged(main)
