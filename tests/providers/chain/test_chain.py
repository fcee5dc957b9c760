"""An order is put in force under load: what stays is not touched, what is new is opened, what is gone is closed."""

import asyncio
from collections.abc import Sequence

import pytest

from providers.chain.breaker_state import BreakerState
from providers.chain.chain import CLOSE_SECONDS, FLUSH_SECONDS, Chain
from providers.chain.chained import ChainedProvider
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.guarded import GuardedProvider
from providers.chain.policy import LONGEST_REQUEST, OperationClass
from providers.chain.route import Route
from providers.chain.stores.introductions import PATIENCE_AT_START
from providers.errors import Unavailable
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import MemoryRecord, NewMemory
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import FrailProvider

DRAIN_SECONDS = LONGEST_REQUEST + 1.0
LONGEST_WRITE = LONGEST_REQUEST + 10.0  # of a batch without a journal, and the time to hear of it


async def stored_while(chain: Chain, switching: asyncio.Task[None], at_once: int = 20) -> list[str]:
    """Remember memories, some at a time, until the order is switched; return their ids."""
    memory_ids: list[str] = []
    while not switching.done():
        memory_ids += await asyncio.gather(*(chain.provider.remember(USER, f"memory {n}") for n in range(at_once)))
    await switching
    return memory_ids


async def found(chain: Chain, memory_ids: Sequence[str]) -> list[MemoryRecord]:
    """Get memories, all of which must be there."""
    return await asyncio.gather(*(chain.provider.get(USER, memory_id) for memory_id in memory_ids))


def test_without_an_order_there_is_no_provider() -> None:
    """A chain answers only after the first switch."""

    async def main(stage: Stage) -> None:
        with pytest.raises(RuntimeError, match="no order"):
            _ = stage.chain().provider

    staged(main)


def test_one_provider_needs_no_journal() -> None:
    """Alone, it is asked directly; with `always` it has a journal, too."""

    async def main(stage: Stage) -> None:
        alone, journalled = stage.chain(), stage.chain(always=True)
        await alone.switch([stage.part("a", stage.store())])
        assert (type(alone.provider), alone.journal, stage.opened_journals) == (GuardedProvider, None, 0)

        await journalled.switch([stage.part("a", stage.store())])
        assert (type(journalled.provider), journalled.journal) == (ChainedProvider, stage.journal)

    staged(main)


def test_what_is_unchanged_stays_open() -> None:
    """A switch opens what is new or has other settings, once, and nothing else."""

    async def main(stage: Stage) -> None:
        a, b, c = stage.store(), stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b, "as it was")])
        await chain.switch([stage.part("b", b, "changed"), stage.part("c", c), stage.part("a", a)])

        assert (a.opened, b.opened, c.opened) == (1, 2, 1)
        assert [link.name for link in chain.links()] == ["b", "c", "a"]

    staged(main)


def test_what_is_gone_is_closed_after_its_last_call() -> None:
    """A provider that takes part no more is left open for whoever is still asking it."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        link = chain.links()[1]
        b.seconds = LONGEST_REQUEST + 4.5
        call = asyncio.ensure_future(
            link.call(
                lambda provider: provider.identity(),
                OperationClass.READ,
                CallOptions(Deadline.after(2 * LONGEST_REQUEST, stage.clock)),
            )
        )
        await asyncio.sleep(0.1)
        await chain.switch([stage.part("a", a)])
        await asyncio.sleep(DRAIN_SECONDS)
        assert b.open == 1

        await call
        await asyncio.sleep(1)
        assert (a.open, b.open) == (1, 0)

    staged(main)


def test_what_hangs_is_closed_all_the_same() -> None:
    """A call that never ends does not hold a provider for ever."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        assert chain.links()[1].attempts.guards.bulkhead.enter_now()
        await chain.switch([stage.part("a", a)])
        await asyncio.sleep(2 * LONGEST_REQUEST - 1)
        assert b.open == 1

        await asyncio.sleep(2)
        assert b.open == 0

    staged(main)


def test_no_operation_fails_while_the_order_is_switched() -> None:
    """Writes under way before, during and after a switch are all acknowledged, and all found."""

    async def main(stage: Stage) -> None:
        a, b, c = stage.store(), stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        for store in (a, b, c):
            store.seconds = 0.05
        switching = asyncio.ensure_future(chain.switch([stage.part("b", b), stage.part("c", c)]))
        memory_ids = await stored_while(chain, switching)

        assert len(memory_ids) >= 20
        assert chain.first == "b"
        assert [record.id for record in await found(chain, memory_ids)] == memory_ids

    staged(main)


def test_who_cannot_be_reached_takes_part() -> None:
    """A provider that is down when it is opened is in the order, and gets everything later."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        await stage.journal.join("a", await a.identity())
        b.down = True
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        memory_id = await chain.provider.remember(USER, "a memory")
        b.down = False
        await asyncio.sleep(20 * FILL_SECONDS)

        assert await b.snapshot(Owner(USER), memory_id) is not None
        assert await stage.complete() == {"a", "b"}

    staged(main)


def test_a_new_journal_takes_nothing_while_a_store_may_hold_everything() -> None:
    """It may even be in the place of the one to which the silent store belongs; once that one answers, all is well."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        earlier = await b.remember(USER, "stored before there was a journal")
        b.down = True
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        with pytest.raises(Unavailable, match="b may hold everything but does not answer"):
            await chain.provider.remember(USER, "a memory")
        with pytest.raises(Unavailable):
            await chain.provider.get(USER, earlier)

        b.down = False
        await asyncio.sleep(FILL_SECONDS)
        assert (await chain.provider.get(USER, earlier)).id == earlier
        await chain.provider.remember(USER, "a memory")
        await asyncio.sleep(FILL_SECONDS)
        assert await stage.complete() == {"a", "b"}

    staged(main)


def test_who_is_home_by_a_guess_does_not_answer_once_the_journal_does() -> None:
    """Between the journal's return and the next look at who is complete an empty newcomer calls nothing absent."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        await stage.journal.join("old", await old.identity())
        memory_id = await old.remember(USER, "a memory")
        stage.disk.down = True
        chain = stage.chain()
        await chain.switch([stage.part("new", new), stage.part("old", old)])
        stage.disk.down = False
        for read in (chain.provider.list_memories(USER), chain.provider.get(USER, memory_id)):
            with pytest.raises(Unavailable):
                await read

        await asyncio.sleep(1)
        assert [record.id for record in await chain.provider.list_memories(USER)] == [memory_id]

    staged(main)


def test_a_guess_that_was_right_is_one_no_more() -> None:
    """The journal names the same as complete that were presumed to be, and from then on they answer."""

    async def main(stage: Stage) -> None:
        old = stage.store()
        await stage.journal.join("old", await old.identity())
        stage.disk.down = True
        chain = stage.chain(always=True)
        await chain.switch([stage.part("old", old)])
        assert chain.route == Route(chain.route.links, frozenset({"old"}), presumed=True)

        stage.disk.down = False
        await asyncio.sleep(1)
        assert chain.route == Route(chain.route.links, frozenset({"old"}), presumed=False)

    staged(main)


def test_a_second_provider_brings_the_journal() -> None:
    """What was alone so far has everything; a newcomer in front of it becomes home only when it is filled."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("old", old)])
        before = await chain.provider.remember(USER, "stored without a journal")
        await chain.switch([stage.part("new", new), stage.part("old", old)])
        assert (chain.first, stage.opened_journals, old.opened) == ("old", 1, 1)

        during = await chain.provider.remember(USER, "stored with a journal")
        await asyncio.sleep(FILL_SECONDS + LONGEST_WRITE)
        assert chain.first == "new"
        assert [record.id for record in await found(chain, [before, during])] == [before, during]

    staged(main)


def test_what_began_without_the_journal_is_filled_as_well() -> None:
    """A batch that is under way while the order is switched is in no journal; a newcomer waits until it is there."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("old", old)])
        old.seconds = 8.0
        batch = [NewMemory(owner=Owner(USER), content=f"memory {number}") for number in range(1_000)]
        writing = asyncio.ensure_future(chain.provider.remember_many(batch))
        await asyncio.sleep(0.1)
        old.seconds = 0.0
        await chain.switch([stage.part("new", new), stage.part("old", old)])
        memory_ids = await writing
        await asyncio.sleep(FILL_SECONDS + LONGEST_WRITE)

        assert chain.first == "new"
        assert len(await new.snapshots(Owner(USER), 1_000)) == len(memory_ids) == len(batch)

    staged(main)


def test_what_an_operator_has_forced_outlives_other_settings() -> None:
    """A breaker is forced because of the provider, which is the same under its new settings."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        chain.links()[1].attempts.guards.breaker.force_open("a migration runs")
        await chain.switch([stage.part("a", a, "others"), stage.part("b", b, "others")])

        breakers = [link.attempts.guards.breaker.snapshot() for link in chain.links()]
        assert [(breaker.state, breaker.why) for breaker in breakers] == [
            (BreakerState.CLOSED, "never failed"),
            (BreakerState.FORCED_OPEN, "a migration runs"),
        ]

    staged(main)


def test_a_store_made_anew_and_filled_again_can_be_put_in_front() -> None:
    """A switch asks again who a store is: it may be another one than when it was opened."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        b.begin_anew()
        await stage.journal.restart("b", epoch=1, identity=await b.identity())  # as any process does that looks
        await asyncio.sleep(FILL_SECONDS)
        assert await stage.complete() == {"a", "b"}

        await chain.switch([stage.part("b", b), stage.part("a", a)])
        assert chain.first == "b"

    staged(main)


def test_a_newcomer_that_is_replaced_while_it_is_filled_is_filled_anew() -> None:
    """What was copied to a store that lost its name does not make the one complete that has the name now."""

    async def main(stage: Stage) -> None:
        old, first, second = stage.store(), stage.store(), stage.store()
        memory_ids = [await old.remember(f"user {number}", "a memory") for number in range(5)]
        chain = stage.chain(always=True)
        await chain.switch([stage.part("old", old)])
        first.seconds = 0.1
        await chain.switch([stage.part("old", old), stage.part("new", first)])
        await asyncio.sleep(5.2)
        assert first.put

        await chain.switch([stage.part("old", old), stage.part("new", second)])
        for _ in range(40):
            await asyncio.sleep(0.5)
            if "new" in await stage.complete():
                break
        copies = [await second.snapshot(Owner(f"user {number}"), each) for number, each in enumerate(memory_ids)]
        assert None not in copies

    staged(main)


def test_closing_ends_everything() -> None:
    """No task is left, no provider, and no journal; nor what was still being drained."""

    async def main(stage: Stage) -> None:
        stores: list[FrailProvider] = [stage.store() for _ in range(4)]
        parts = [stage.part(name, store) for name, store in zip("abcd", stores, strict=True)]
        chain = stage.chain()
        await chain.switch(parts)
        await asyncio.sleep(4.5)
        await chain.switch(parts[:3])
        await chain.close()

        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert [store.open for store in stores] == [0, 0, 0, 0]
        assert stage.opened_journals == 0

    staged(main)


def test_closing_ends_everything_after_a_bug() -> None:
    """One provider that fails as none may keeps nothing else open."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        b.failures |= dict.fromkeys(("store_many", "close"), ValueError("a bug"))
        await chain.provider.remember(USER, "a memory")
        with pytest.raises(ValueError, match="a bug"):
            await chain.close()

        assert asyncio.all_tasks() == {asyncio.current_task()}
        assert (a.open, b.open, stage.opened_journals) == (0, 0, 0)

    staged(main)


def test_who_hangs_at_the_end_keeps_nothing_open() -> None:
    """Of two providers that cannot be closed the time runs at once, and what has closed stays closed."""

    async def main(stage: Stage) -> None:
        stores: list[FrailProvider] = [stage.store() for _ in range(3)]
        chain = stage.chain()
        await chain.switch([stage.part(name, store) for name, store in zip("abc", stores, strict=True)])
        await asyncio.sleep(FILL_SECONDS)
        for store in stores[:2]:
            store.closing = 10_000.0

        began = stage.clock()
        await chain.close()
        assert stage.clock() - began < CLOSE_SECONDS + 1.0
        assert [store.open for store in stores] == [0, 0, 0]
        assert stage.opened_journals == 0

    staged(main)


def test_who_hangs_at_a_start_does_not_delay_the_others() -> None:
    """The order is in force a second after another one has answered; at a later switch a slow one has more time."""

    async def main(stage: Stage) -> None:
        a, b, c = stage.store(), stage.store(), stage.store()
        known = stage.chain()
        await known.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        a.seconds = c.seconds = 10_000.0
        chain = stage.chain()

        began = stage.clock()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        assert stage.clock() - began < PATIENCE_AT_START + 0.2
        assert chain.first == "b"
        c.seconds = PATIENCE_AT_START + 0.5
        await chain.switch([stage.part("b", b), stage.part("c", c)])
        assert "introduce" in c.calls
        member = await stage.member("c")
        assert member is not None
        assert member.identity is not None

    staged(main)


def test_closing_brings_what_is_pending() -> None:
    """Who is slower than home gets what is under way to it, and what was accepted meanwhile."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        b.seconds = 0.3
        memory_ids = []
        for number in range(5):
            memory_ids.append(await chain.provider.remember(USER, f"memory {number}"))
            await asyncio.sleep(0.01)
        assert await MockMemoryProvider.snapshot(b, Owner(USER), memory_ids[0]) is None

        await chain.close()
        assert None not in [await b.snapshot(Owner(USER), memory_id) for memory_id in memory_ids]

    staged(main)


def test_closing_waits_for_nobody_for_long() -> None:
    """What cannot be brought in a moment is still in the journal."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        chain = stage.chain()
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        b.seconds = 60.0
        memory_id = await chain.provider.remember(USER, "a memory")
        await asyncio.sleep(0.1)

        began = stage.clock()
        await chain.close()
        assert stage.clock() - began <= FLUSH_SECONDS + 0.1
        entry = await stage.journal.newest(Owner(USER), memory_id)
        assert entry is not None
        assert entry.pending == {"b"}

    staged(main)
