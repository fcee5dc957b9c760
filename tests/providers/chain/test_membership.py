"""Who may answer is what the journal says: complete providers, filled ones, and nobody who is empty or gone."""

import asyncio
from typing import Any

import pytest
from structlog.testing import capture_logs
from structlog.typing import EventDict

from providers.chain.errors import OrderRefused
from providers.chain.filling import FIRST_DELAY_SECONDS, LONGEST_DELAY_SECONDS, SETTLE_SECONDS
from providers.chain.membership import CARE_SECONDS, REFRESH_SECONDS, RETIRE_SECONDS
from providers.chain.observer import Unobserved
from providers.chain.reporting.events import LogEvents
from providers.chain.reporting.reporter import Reporter
from providers.chain.stores import watch
from providers.chain.stores.claims import IDENTITY_SECONDS
from providers.chain.stores.registrar import Registrar
from providers.chain.stores.watch import IDLE_SECONDS
from providers.errors import InvalidInput
from providers.introduction import Introduction
from providers.journal.operations import MemberState
from providers.owners import Owner
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import each


class Waits(Unobserved):
    """Remembers how long fillings were postponed."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def filling_postponed(self, provider: str, reason: str, next_try: float) -> None:
        """Remember."""
        assert (provider, bool(reason)) == ("b", True)
        self.waits.append(next_try)


@pytest.fixture
def rare_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Have stores looked at rarely, for a test that lasts hours."""
    monkeypatch.setattr(watch, "IDLE_SECONDS", 600.0)


def test_the_first_ever_is_complete_at_once() -> None:
    """In a new journal the first of the order may answer, those behind it not yet."""

    async def main(stage: Stage) -> None:
        links = [stage.link("a", stage.store()), stage.link("b", stage.store())]
        process = await stage.process("one", links).start()

        assert process.complete == {"a"}

    staged(main)


def test_who_is_met_again_answers_meanwhile(monkeypatch: pytest.MonkeyPatch) -> None:
    """An order that is put in force again takes no store away, however long the journal takes."""

    async def main(stage: Stage) -> None:
        links = [stage.link("a", stage.store())]
        process = await stage.process("one", links).start()
        meet, seen = Registrar.meet, set[frozenset[str]]()

        async def slowly(*given: Any, **known: Any) -> Introduction | None:  # noqa: ANN401 - whatever it takes
            await asyncio.sleep(5 * REFRESH_SECONDS)
            return await meet(*given, **known)

        monkeypatch.setattr(Registrar, "meet", slowly)
        again = asyncio.ensure_future(process.membership.admit(links, {}))
        while not again.done():
            seen.add(process.complete)
            await asyncio.sleep(REFRESH_SECONDS / 2)

        assert (await again).names == {"a"}
        assert seen == {frozenset({"a"})}

    staged(main)


def test_a_newcomer_is_filled_and_then_complete() -> None:
    """It answers reads when it has everything, and not before."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        memory_id = await old.remember(USER, "a memory")
        process = await stage.process("one", [stage.link("a", old), stage.link("b", new)]).start()
        await asyncio.sleep(1)
        assert process.complete == {"a"}

        await asyncio.sleep(FILL_SECONDS)
        assert process.complete == {"a", "b"}
        assert await new.snapshot(Owner(USER), memory_id) == await old.snapshot(Owner(USER), memory_id)
        assert (process.membership.filling.progress, process.membership.reasons) == ({}, {})

    staged(main)


def test_why_a_newcomer_is_not_filled_is_told() -> None:
    """The reason stands until there is none any more."""

    async def main(stage: Stage) -> None:
        new = stage.store()
        process = await stage.process("one", [stage.link("a", stage.store()), stage.link("b", new)]).start()
        own = await new.remember(USER, "of another time")
        await asyncio.sleep(FILL_SECONDS)
        reason = "b holds 1 memory that a does not: if they belong to this chain, run `ninai providers merge b`"
        assert process.membership.reasons == {"b": reason}

        await new.delete(USER, own)
        await asyncio.sleep(FILL_SECONDS)
        assert process.complete == {"a", "b"}
        assert process.membership.reasons == {}

    staged(main)


def test_a_newcomer_that_refuses_a_memory_tells_why() -> None:
    """What it answers is a reason like any other, and no bug."""

    async def main(stage: Stage) -> None:
        old = stage.store()
        memory_id = await old.remember(USER, "a memory that is too long elsewhere")
        strict = stage.store()
        strict.instead["put_many"] = each(lambda _: InvalidInput("content", "is too long here"))
        process = await stage.process("one", [stage.link("a", old), stage.link("b", strict)]).start()
        await asyncio.sleep(FILL_SECONDS)

        assert process.membership.reasons == {"b": f"b refuses memory {memory_id}: content: is too long here"}
        assert process.complete == {"a"}

    staged(main)


@pytest.mark.thorough
def test_a_filling_that_cannot_be_done_is_tried_ever_more_rarely(rare_looks: None) -> None:  # noqa: ARG001 - a fixture
    """After so many seconds, twice as many each time up to a longest wait; once it is done all is forgotten."""

    async def main(stage: Stage) -> None:
        observer = stage.observer = Waits()
        new = stage.store()
        process = await stage.process("one", [stage.link("a", stage.store()), stage.link("b", new)]).start()
        own = await new.remember(USER, "of another time")
        await asyncio.sleep(7_200)
        waits = [wait - SETTLE_SECONDS for wait in observer.waits]
        assert waits[:8] == [5, 10, 20, 40, 80, 160, 300, 300]
        assert set(waits[8:]) == {LONGEST_DELAY_SECONDS}
        assert len(waits) < 40

        await new.delete(USER, own)
        await asyncio.sleep(LONGEST_DELAY_SECONDS + FILL_SECONDS)
        assert process.complete == {"a", "b"}
        new.begin_anew()
        await new.remember(USER, "of another time")
        await asyncio.sleep(watch.IDLE_SECONDS + IDENTITY_SECONDS + FILL_SECONDS)
        assert observer.waits[len(waits)] == FIRST_DELAY_SECONDS + SETTLE_SECONDS

    staged(main)


@pytest.mark.thorough
def test_a_postponed_filling_is_told_for_each_reason_and_then_rarely(rare_looks: None) -> None:  # noqa: ARG001 - a fixture
    """Five hours of it are a line an hour, whatever is counted in the reason; another reason is told at once."""

    async def main(stage: Stage) -> list[EventDict]:
        stage.observer = Reporter(LogEvents(stage.clock, stage.clock))
        new = stage.store()
        stage.observer.routed(["a", "b"], frozenset({"a"}), journalled=True)
        await stage.process("one", [stage.link("a", stage.store()), stage.link("b", new)]).start()
        with capture_logs() as logs:
            for _ in range(5 * 6):
                await new.remember(USER, "of another time")
                await asyncio.sleep(600)
            new.down = True
            await asyncio.sleep(3_600)
        return [line for line in logs if line["event"] == "filling_postponed"]

    told = staged(main)
    assert 5 <= len(told) <= 8
    assert told[0]["reason"].startswith("b holds 1 memory that a does not: ")
    assert (told[0]["tries"], told[0]["next_try_seconds"]) == (1, FIRST_DELAY_SECONDS + SETTLE_SECONDS)
    assert told[-1]["reason"] == "down"
    assert {line["since"] for line in told} == {told[0]["since"]}
    assert told[-1]["tries"] > 40


def test_what_another_process_has_filled_leaves_no_reason() -> None:
    """Two processes see a newcomer complete; the one that could not fill it tells nothing of that any more."""

    async def main(stage: Stage) -> None:
        old, new = stage.store(), stage.store()
        await old.remember(USER, "a memory")
        new.seconds = 1.0
        processes = [
            await stage.process(holder, [stage.link("a", old), stage.link("b", new)]).start() for holder in ("1", "2")
        ]
        await asyncio.sleep(3 * FILL_SECONDS)

        assert [process.complete for process in processes] == [{"a", "b"}] * 2
        assert [process.membership.reasons for process in processes] == [{}] * 2

    staged(main)


def test_an_empty_store_never_becomes_home() -> None:
    """An order of which nobody has received everything is refused, and says who has."""

    async def main(stage: Stage) -> None:
        await stage.journal.join("a", "store of a")
        process = stage.process("one", [stage.link("b", stage.store())])

        with pytest.raises(OrderRefused) as raised:
            await process.start()
        assert str(raised.value) == (
            "none of b has received everything: keep a in the order; if that is gone for good, have this journal take"
            " over what there is: `ninai journal adopt`"
        )
        assert [member.name for member in await stage.journal.members()] == ["a"]

    staged(main)


def test_a_store_made_anew_is_refused_at_start() -> None:
    """Under the name of the complete one stands another store, which is not taken for it."""

    async def main(stage: Stage) -> None:
        await stage.journal.join("a", "the store that was")
        process = stage.process("one", [stage.link("a", stage.store())])

        with pytest.raises(OrderRefused) as raised:
            await process.start()
        assert str(raised.value).startswith("a is another store than the one that received everything")

    staged(main)


def test_a_store_that_cannot_be_asked_waits_until_it_has_said_who_it_is() -> None:
    """A complete provider that is down at start may be another store by now; it has its part again when it answers."""

    async def main(stage: Stage) -> None:
        store = stage.store()
        await stage.journal.join("a", await store.identity())
        store.down = True

        process = await stage.process("one", [stage.link("a", store)]).start()
        assert process.complete == frozenset()
        store.down = False
        await asyncio.sleep(3 * REFRESH_SECONDS)
        assert process.complete == {"a"}

    staged(main)


def test_a_store_made_anew_while_running_is_filled_again() -> None:
    """It answers no reads from when that is found out until it has everything again."""

    async def main(stage: Stage) -> None:
        home, standby = stage.store(), stage.store()
        memory_id = await home.remember(USER, "a memory")
        process = await stage.process("one", [stage.link("a", home), stage.link("b", standby)]).start()
        await asyncio.sleep(FILL_SECONDS)
        standby.begin_anew()
        await asyncio.sleep(IDLE_SECONDS + 2 * REFRESH_SECONDS)
        assert process.complete == {"a"}

        await asyncio.sleep(IDENTITY_SECONDS + FILL_SECONDS)
        assert process.complete == {"a", "b"}
        assert await standby.snapshot(Owner(USER), memory_id) == await home.snapshot(Owner(USER), memory_id)

    staged(main)


def test_without_the_journal_the_first_is_home_until_it_is_back() -> None:
    """Who starts while nobody can tell asks the first; when the journal is back, it says who has everything."""

    async def main(stage: Stage) -> None:
        home, newcomer = stage.store(), stage.store()
        await stage.journal.join("a", await home.identity())
        stage.disk.down = True
        process = await stage.process("one", [stage.link("b", newcomer), stage.link("a", home)]).start()
        await asyncio.sleep(1)
        assert process.complete == {"b"}

        stage.disk.down = False
        await asyncio.sleep(1)
        assert process.complete == {"a"}
        member = await stage.member("b")
        assert member is not None
        assert member.state is MemberState.FILLING

    staged(main)


def test_a_store_that_was_exchanged_while_the_journal_was_away_must_say_who_it_is() -> None:
    """Its name alone does not make it complete when the journal is back."""

    async def main(stage: Stage) -> None:
        former, other, b = stage.store(), stage.store(), stage.store()
        process = await stage.process("one", [stage.link("a", former), stage.link("b", b)]).start()
        await asyncio.sleep(FILL_SECONDS)
        stage.disk.down = True
        other.down = True
        process.links = [stage.link("a", other), stage.link("b", b)]
        await process.membership.admit(process.links, {})
        stage.disk.down = False
        await asyncio.sleep(2 * REFRESH_SECONDS)

        assert process.complete == {"b"}

    staged(main)


def test_who_is_in_no_order_for_an_hour_is_retired() -> None:
    """A provider that no process names is no member any more, and nothing is kept for it."""

    async def main(stage: Stage) -> None:
        process = await stage.process("one", [stage.link("a", stage.store()), stage.link("b", stage.store())]).start()
        await asyncio.sleep(FILL_SECONDS)
        process.links = process.links[:1]
        await asyncio.sleep(RETIRE_SECONDS - FILL_SECONDS)
        assert await stage.complete() == {"a", "b"}

        await asyncio.sleep(2 * CARE_SECONDS)
        assert await stage.complete() == {"a"}

    staged(main)


@pytest.mark.thorough
def test_who_is_in_any_order_is_not_retired(rare_looks: None) -> None:  # noqa: ARG001 - a fixture
    """A provider that a single process still names stays a member."""

    async def main(stage: Stage) -> None:
        links = [stage.link("a", stage.store()), stage.link("b", stage.store())]
        await stage.process("one", links).start()
        await stage.process("two", links[:1]).start()
        await asyncio.sleep(2 * RETIRE_SECONDS)

        assert await stage.complete() == {"a", "b"}

    staged(main)


@pytest.mark.thorough
def test_who_is_put_back_into_an_order_is_not_retired(rare_looks: None) -> None:  # noqa: ARG001 - a fixture
    """Another process whose order is still without it may be about to, until it hears that it is wanted."""

    async def main(stage: Stage) -> None:
        links = [stage.link("a", stage.store()), stage.link("b", stage.store())]
        process = await stage.process("one", links).start()
        await asyncio.sleep(FILL_SECONDS)
        process.links = links[:1]
        await stage.process("two", links[:1]).start()
        await asyncio.sleep(RETIRE_SECONDS - FILL_SECONDS - 1)
        await process.membership.admit(links, {})
        await asyncio.sleep(CARE_SECONDS)

        assert await stage.complete() == {"a", "b"}

    staged(main)


def test_a_look_that_began_before_a_new_order_does_not_undo_it() -> None:
    """What a slow journal said about the former order does not decide who may answer in the new one."""

    async def main(stage: Stage) -> None:
        stores = {"a": stage.store(), "b": stage.store()}
        links = {name: stage.link(name, store) for name, store in stores.items()}
        for name, store in stores.items():
            await stage.journal.join(name, await store.identity())
            await stage.journal.mark(name, MemberState.COMPLETE)
        stage.disk.seconds_after = 0.05
        process = await stage.process("one", [links["a"]]).start()
        seen = set()
        for turn in range(40):
            order = [links["ab"[turn % 2]]]
            await asyncio.sleep(REFRESH_SECONDS + 0.013 * turn)  # at every moment of a look
            process.complete = (await process.membership.admit(order, {})).names
            process.links = order
            await asyncio.sleep(2 * stage.disk.seconds_after)
            seen.add(order[0].name in process.complete)

        assert seen == {True}

    staged(main)
