"""A newcomer is brought everything that a complete provider has, and is complete only when that is verified."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest
from msgspec.structs import replace

from providers.chain.backfill import NotBackfilled
from providers.chain.claim import CLAIM_SECONDS
from providers.chain.comparing.store import PAGE
from providers.errors import InvalidInput, ProviderError, Unavailable
from providers.journal.operations import MemberState
from providers.owners import Owner
from providers.states.editing import first_write_of
from providers.types import NewMemory, Snapshot
from tests.providers.chain.filling import TOO_MUCH, Filling, state_in
from tests.providers.chain.scene import FOREVER, key
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import FrailProvider, each

TOO_LONG = InvalidInput("content", "is too long here")


def picky(answer: ProviderError = TOO_LONG) -> Callable[..., Awaitable[list[ProviderError | None]]]:
    """Return a `put_many` that answers so for the live memories of one user, and stores everything else."""

    async def put_many(provider: FrailProvider, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
        taken = [snapshot for snapshot in snapshots if snapshot.user_id != "picked" or snapshot.deleted]
        outcomes = iter(await provider.take(taken) if taken else ())
        return [next(outcomes) if snapshot in taken else answer for snapshot in snapshots]

    return put_many


def test_everything_is_copied() -> None:
    """Live memories and tombstones of every user, however many there are, arrive as they were."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        for number in range(PAGE + 5):
            await filling.source.remember(USER, f"memory {number}", {"number": number})
        gone = await filling.source.remember("another", "to be deleted")
        await filling.source.delete("another", gone)

        await filling.fill()
        assert await filling.target.snapshots(Owner(USER)) == await filling.source.snapshots(Owner(USER))
        assert (await state_in(filling.target, gone, "another")).deleted
        assert await stage.complete() == {"old", "new"}
        assert (filling.told[-1].copied, filling.told[-1].copied_users) == (PAGE + 6, 2)
        assert (filling.told[-1].verified, filling.told[-1].verifying) == (PAGE + 6, True)

    staged(main)


def test_it_goes_on_where_it_stopped() -> None:
    """The journal knows who is filled in whole, so that those are not copied again, but counted."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        first = await filling.source.remember("before", "a memory")
        second = await filling.source.remember("picked", "one that cannot be stored for now")
        filling.target.instead["put_many"] = picky(Unavailable("the disk is full"))
        with pytest.raises(Unavailable):
            await filling.fill()
        member = await stage.member("new")
        assert member is not None
        assert (member.state, member.fill_after, member.copied) == (MemberState.FILLING, "before", 1)

        filling.target.instead.clear()
        await filling.fill()
        assert filling.target.put == [first, second]
        assert (filling.told[-1].copied, filling.told[-1].copied_users) == (2, 2)

    staged(main)


def test_a_repeated_first_write_does_not_undo_a_change() -> None:
    """The newcomer took one under a later version, since it was asked for the memory while it was still empty."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        memory_id = await filling.source.remember(USER, "tea", memory_id=key())
        await filling.source.update(USER, memory_id, content="coffee")
        changed = await state_in(filling.source, memory_id)
        repeated = first_write(changed, "tea", changed.version + 1)
        await filling.target.store_many([first_write_of(repeated)])
        await stage.append(repeated)

        await filling.fill()

        assert await state_in(filling.target, memory_id) == changed
        assert await stage.complete() == {"old", "new"}

    staged(main)


def first_write(state: Snapshot, content: str, version: int) -> Snapshot:
    """Return the state that the first write of a memory leaves."""
    return replace(state, content=content, version=version, first_version=version, updated_at=None, edits=())


def test_what_is_refused_holds_up_nothing_else() -> None:
    """Everything else is copied; the provider is not complete, and says which memory it is about, until that goes."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        filling.target.instead["put_many"] = picky()
        refused = sorted([await filling.source.remember("picked", "too long elsewhere") for _ in range(2)])
        last = await filling.source.remember("the last", "a memory")

        assert await filling.refusal() == (
            f"new refuses memory {refused[0]}: content: is too long here, and refuses 1 more"
        )
        assert await filling.target.snapshot(Owner("the last"), last) is not None
        assert await stage.complete() == {"old"}

        await filling.source.delete("picked", refused[0])
        assert await filling.refusal() == f"new refuses memory {refused[1]}: content: is too long here"
        await filling.source.delete("picked", refused[1])
        await filling.fill()
        assert await stage.complete() == {"old", "new"}

    staged(main)


def test_what_differs_is_repaired() -> None:
    """Missing, outdated and undeleted memories are found, although they count as copied."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        missing = await filling.source.remember(USER, "missing")
        outdated = await filling.source.remember(USER, "outdated")
        undeleted = await filling.source.remember(USER, "undeleted")
        await filling.target.put_many([await state_in(filling.source, one) for one in (outdated, undeleted)])
        await filling.source.update(USER, outdated, content="new")
        await filling.source.delete(USER, undeleted)
        await stage.journal.note_fill("new", after=USER, copied=3, copied_users=1)

        await filling.fill()
        for memory_id in (missing, outdated, undeleted):
            assert await state_in(filling.target, memory_id) == await state_in(filling.source, memory_id)
        assert [progress.repaired for progress in filling.told] == [3, 0]
        assert await stage.complete() == {"old", "new"}

    staged(main)


def test_what_is_still_delivered_is_no_difference() -> None:
    """What the journal knows of arrives by itself, here or there, and need not be repaired."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        here = await filling.source.remember(USER, "not yet at the newcomer")
        there = await filling.target.remember(USER, "not yet at home")
        await stage.append(await state_in(filling.source, here))
        await stage.append(await state_in(filling.target, there))
        await stage.journal.note_fill("new", after=USER, copied=1, copied_users=1)

        await filling.fill()
        assert filling.target.put == []
        assert await stage.complete() == {"old", "new"}

    staged(main)


def test_what_is_too_much_is_refused_and_kept() -> None:
    """A newcomer with memories of its own is not filled, and none of them is deleted."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        own = await filling.target.remember(USER, "a memory of another time")

        assert await filling.refusal() == TOO_MUCH
        assert not (await state_in(filling.target, own)).deleted
        assert await filling.source.snapshots(Owner(USER)) == []

    staged(main)


def test_only_a_clean_pass_completes() -> None:
    """A newcomer that loses what it takes is never complete."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        filling.target.instead["put_many"] = each(lambda _: None)
        await filling.source.remember(USER, "lost again and again")

        assert await filling.refusal() == "new keeps differing from old"
        assert [progress.repaired for progress in filling.told if progress.verifying] == [1] * 5

    staged(main)


def test_two_processes_do_not_fill_at_once() -> None:
    """While one process has the task, another is refused; it may take over when the first has long been silent."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await stage.journal.claim("fill new", "another", CLAIM_SECONDS)
        assert await filling.refusal() == "new is being filled by another process"

        stage.clock.now += CLAIM_SECONDS
        await filling.fill()
        assert await stage.complete() == {"old", "new"}

    staged(main)


def test_who_takes_long_keeps_the_task() -> None:
    """One that may be stale is waited for longer than another process waits for one that has crashed."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.remember(USER, "a memory")
        filling.target.declared = FOREVER
        slow = asyncio.ensure_future(filling.fill("one"))
        for _ in range(2):
            await asyncio.sleep(2 * CLAIM_SECONDS)
            with pytest.raises(NotBackfilled, match="by another process"):
                await filling.fill("another")

        slow.cancel()
        await asyncio.gather(slow, return_exceptions=True)
        filling.target.declared = 0.0
        await asyncio.sleep(CLAIM_SECONDS)
        await filling.fill("another")
        assert await stage.complete() == {"old", "new"}

    staged(main)


def test_who_has_left_is_not_filled() -> None:
    """A provider that is no member any more gets nothing."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.remember(USER, "a memory")
        await stage.journal.leave("new")

        assert await filling.refusal() == "new is no member"
        assert filling.target.put == []

    staged(main)


def test_another_store_than_the_member_is_not_completed() -> None:
    """If a new store has taken the name meanwhile, filling the former one does not make the new one complete."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.remember(USER, "a memory")
        await stage.journal.restart("new", epoch=1, identity="the store that has the name now")

        with pytest.raises(NotBackfilled):
            await filling.fill()
        assert await stage.complete() == {"old"}

    staged(main)


def test_users_of_one_name_in_two_tenants_are_copied_apart() -> None:
    """Each goes to its own place, and is counted; a fill that was broken off goes on behind the last owner's key."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        owners = [Owner(USER, "acme"), Owner(USER, "globex"), Owner(USER)]
        for owner in owners:
            await filling.source.store(NewMemory(owner=owner, content=f"tea of {owner.tenant}"))

        await filling.fill()
        assert await filling.target.owners() == owners
        for owner in owners:
            assert await filling.target.snapshots(owner) == await filling.source.snapshots(owner)
        [member] = [member for member in await stage.journal.members() if member.name == "new"]
        assert (member.copied_users, member.fill_after) == (3, owners[-1].key)

    staged(main)
