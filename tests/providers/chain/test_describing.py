"""A chain tells who takes part in which role, how each is, and which way an operation would take."""

import asyncio

from providers.chain.breaker_state import BreakerState
from providers.chain.chain import Chain
from providers.chain.describing import STATUS_SECONDS, describe, explain
from providers.chain.hedging.pace import LEAST_TRIES
from providers.chain.policy import OperationClass
from providers.chain.status import ProviderStatus, Role
from providers.chain.stores.watch import IDLE_SECONDS
from providers.errors import Misconfigured
from tests.providers.chain.rig import fail
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.frail import FrailProvider

RECALL, REMEMBER = OperationClass.RECALL, OperationClass.REMEMBER
READ = OperationClass.READ


async def two(stage: Stage, *, complete: bool = True) -> tuple[Chain, FrailProvider, FrailProvider]:
    """Return a chain of `a`, which is home, and `b`, with their stores."""
    chain, a, b = stage.chain(), stage.store(), stage.store()
    await chain.switch([stage.part("a", a), stage.part("b", b)])
    if complete:
        await asyncio.sleep(FILL_SECONDS)
    return chain, a, b


async def of(chain: Chain, name: str) -> ProviderStatus:
    """Return the status of one provider."""
    return next(one for one in (await describe(chain)).providers if one.name == name)


def ways(chain: Chain, operation: OperationClass) -> list[tuple[str, bool]]:
    """Return the names of the providers that would be asked, in order."""
    return [(choice.provider, choice.asked) for choice in explain(chain, operation).choices]


def whys(chain: Chain, operation: OperationClass) -> list[str]:
    """Return the reasons of an explanation."""
    return [choice.why for choice in explain(chain, operation).choices]


def test_a_provider_alone_is_home() -> None:
    """Without a journal there is nothing to say about one."""

    async def main(stage: Stage) -> None:
        chain = stage.chain()
        await chain.switch([stage.part("a", stage.store())])
        status = await describe(chain)

        assert (status.order, status.home, status.journal, status.journal_error) == (("a",), "a", None, None)
        assert [provider.role for provider in status.providers] == [Role.HOME]
        assert ways(chain, REMEMBER) == [("a", True)]

    staged(main)


def test_roles_change_with_what_a_provider_has_received() -> None:
    """A newcomer is filling, then a standby, although it stands in the order all the time."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage, complete=False)
        before = await describe(chain)
        await asyncio.sleep(FILL_SECONDS)
        after = await describe(chain)

        assert [provider.role for provider in before.providers] == [Role.HOME, Role.FILLING]
        assert [provider.role for provider in after.providers] == [Role.HOME, Role.STANDBY]
        assert (before.order, before.home) == (after.order, after.home) == (("a", "b"), "a")

    staged(main)


def test_what_is_pending_is_counted() -> None:
    """What a provider that is down has not confirmed stands beside its name, with its age."""

    async def main(stage: Stage) -> None:
        chain, _, b = await two(stage)
        b.down = True
        await chain.provider.remember(USER, "a memory")
        await asyncio.sleep(5)
        home, standby = await of(chain, "a"), await of(chain, "b")

        assert (home.pending, home.oldest_pending_seconds) == (0, 0.0)
        assert (standby.pending, standby.dead) == (1, 0)
        assert 5 <= standby.oldest_pending_seconds < 6

    staged(main)


def test_why_a_newcomer_is_not_filled_stands_there() -> None:
    """The reason and how far it is are part of the status."""

    async def main(stage: Stage) -> None:
        chain, _, b = await two(stage, complete=False)
        await b.remember(USER, "of another time")
        await asyncio.sleep(FILL_SECONDS)
        newcomer = await of(chain, "b")

        assert newcomer.role is Role.FILLING
        assert newcomer.reason is not None
        assert newcomer.reason.startswith("b holds 1 memory that a does not: ")
        assert newcomer.progress is not None
        assert (newcomer.progress.extra, newcomer.progress.verifying) == (1, True)

    staged(main)


def test_a_newcomer_that_has_never_answered_is_unreached() -> None:
    """With its last error, until it says which store it is; one that fails later is a matter of its breaker."""

    async def main(stage: Stage) -> None:
        chain, a, b = stage.chain(), stage.store(), stage.store()
        b.failures["introduce"] = Misconfigured("the password is wrong")
        await chain.switch([stage.part("a", a), stage.part("b", b)])
        await asyncio.sleep(FILL_SECONDS)
        newcomer = await of(chain, "b")
        b.failures.clear()
        await asyncio.sleep(2 * FILL_SECONDS)
        standby = await of(chain, "b")
        b.down = True
        await asyncio.sleep(FILL_SECONDS)
        failing = await of(chain, "b")

        assert (newcomer.role, newcomer.unreached, newcomer.reason) == (Role.FILLING, True, "the password is wrong")
        assert (standby.role, standby.unreached, standby.reason) == (Role.STANDBY, False, None)
        assert (failing.role, failing.unreached, failing.reason) == (Role.STANDBY, False, None)

    staged(main)


def test_a_breaker_is_shown_as_it_is() -> None:
    """State and reason of a breaker are part of the status."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)
        chain.links()[1].attempts.guards.breaker.force_open("maintenance")
        home, standby = await of(chain, "a"), await of(chain, "b")

        assert home.breaker.state is BreakerState.CLOSED
        assert (standby.breaker.state, standby.breaker.why) == (BreakerState.FORCED_OPEN, "maintenance")
        assert (standby.in_flight, standby.places) == (0, 32)

    staged(main)


def test_what_goes_on_in_the_background_is_shown() -> None:
    """A write whose caller was answered before holds a place at home."""

    async def main(stage: Stage) -> None:
        chain, a, _ = await two(stage)
        a.instead["store_many"] = hanging
        await chain.provider.remember(USER, "a memory")
        home, standby = await of(chain, "a"), await of(chain, "b")

        assert (home.in_flight, home.background_tries) == (1, 1)
        assert standby.background_tries == 0

    staged(main)


async def hanging(*_: object) -> None:
    """Take an hour."""
    await asyncio.sleep(3_600)


def test_a_journal_out_of_reach_is_told() -> None:
    """Everything else is described all the same; what only the journal knows is not made up."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)
        stage.disk.down = True
        status = await describe(chain)

        assert (status.journal, status.journal_error) == (None, "out of reach")
        assert [provider.role for provider in status.providers] == [Role.HOME, Role.STANDBY]

    staged(main)


def test_a_journal_that_hangs_is_told() -> None:
    """A description comes in its time, whoever does not answer."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)
        stage.disk.seconds_after = 10 * STATUS_SECONDS
        status = await describe(chain)
        stage.disk.seconds_after = 0.0

        assert status.journal is None
        assert status.journal_error == f"the journal did not answer within {STATUS_SECONDS:g} s"

    staged(main)


def test_a_read_goes_to_home_first() -> None:
    """The standby is asked only if home does not answer."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)

        assert ways(chain, RECALL) == [("a", True), ("b", False)]
        assert whys(chain, RECALL) == ["home", "only if those before it do not answer"]

    staged(main)


def test_a_read_passes_over_an_open_breaker() -> None:
    """If home is left alone, the standby is the first that may answer, and the explanation says why."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)
        breaker = chain.links()[0].attempts.guards.breaker
        while not breaker.refuses():
            fail(breaker)

        assert ways(chain, RECALL) == [("a", False), ("b", True)]
        assert whys(chain, RECALL) == [
            f"its circuit breaker is open: {breaker.snapshot().why}",
            "the first that may answer now",
        ]

    staged(main)


def test_a_read_passes_over_a_newcomer() -> None:
    """Who has not received everything answers nothing, even at the front."""

    async def main(stage: Stage) -> None:
        chain, a, b = await two(stage, complete=False)
        await chain.switch([stage.part("b", b), stage.part("a", a)])

        assert ways(chain, RECALL) == [("b", False), ("a", True)]
        assert whys(chain, RECALL)[1] == "home"

    staged(main)


def test_a_write_goes_to_the_journal_first() -> None:
    """Then to home; the standby gets it in the background."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)

        assert ways(chain, REMEMBER) == [("journal", True), ("a", True), ("b", False)]
        assert whys(chain, REMEMBER)[2] == "a standby: it gets writes in the background"

    staged(main)


def test_a_write_without_anybody_complete_goes_to_the_journal() -> None:
    """It is accepted there, and everybody gets it in the background."""

    async def main(stage: Stage) -> None:
        chain, a, _ = await two(stage, complete=False)
        a.begin_anew()
        await stage.journal.restart("a", epoch=1, identity=await a.identity())  # as any process does that looks
        await asyncio.sleep(IDLE_SECONDS + 1)

        assert (await describe(chain)).home is None
        assert ways(chain, REMEMBER) == [("journal", True), ("a", False), ("b", False)]

    staged(main)


def test_a_provider_that_is_asked_second_is_shown_as_such() -> None:
    """With how long reads wait for it, and who is asked before it."""

    async def main(stage: Stage) -> None:
        chain, _, _ = await two(stage)
        quick = await of(chain, "a")
        link = chain.links()[0]
        for _ in range(2 * LEAST_TRIES):
            link.attempts.pace.unanswered(READ, 1, 5.0)
        slow = await of(chain, "a")

        patience = {operation.value: link.patience(operation) for operation in (READ, RECALL)}
        assert (quick.asked_second, slow.asked_second) == (False, True)
        assert quick.patience.keys() == slow.patience.keys() == patience.keys()
        assert slow.patience == patience
        assert not (await of(chain, "b")).asked_second
        assert ways(chain, READ) == ways(chain, RECALL) == [("a", False), ("b", True)]
        assert whys(chain, READ)[0] == "most of its answers were slow, so that the next one is asked before it"
        assert ways(chain, REMEMBER)[1:] == [("a", True), ("b", False)]

    staged(main)


def test_a_provider_alone_is_asked_first_however_slow_it_is() -> None:
    """There is nobody to ask before it."""

    async def main(stage: Stage) -> None:
        chain = stage.chain()
        await chain.switch([stage.part("a", stage.store())])
        for _ in range(2 * LEAST_TRIES):
            chain.links()[0].attempts.pace.unanswered(READ, 1, 5.0)

        assert not (await of(chain, "a")).asked_second
        assert ways(chain, READ) == [("a", True)]

    staged(main)
