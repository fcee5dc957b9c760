"""What becomes of a store is counted, and shown by the status of the chain and its gauges."""

import asyncio

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.chain.chain import Chain
from providers.chain.counting import CountingObserver
from providers.chain.describing import describe, explain
from providers.chain.errors import OrderRefused
from providers.chain.opening import JournalSpec
from providers.chain.policy import OperationClass
from providers.chain.rehearsal import rehearse
from providers.chain.status import ProviderStatus, Role
from providers.introduction import StoreMark
from tests.providers.chain.stage import FILL_SECONDS, USER, Stage, staged
from tests.support.chain_rig import INSTALLATION
from tests.support.frail import FrailProvider

FOREIGN = StoreMark(installation="theirs", journal="gone", epoch=3, number=7, at=100.0)


class Counted:
    """An observer, and the values that it has counted."""

    def __init__(self) -> None:
        self._registry = CollectorRegistry()
        self.observer = CountingObserver(Metrics(self._registry))

    def value(self, name: str, **labels: str) -> float | None:
        """Return the value of a series, None if there is none."""
        return self._registry.get_sample_value(name, labels)

    def events(self) -> dict[str, float | None]:
        """Return how often each event was counted at `a`."""
        names = ("rolled_back", "replaced", "suspected", "refused", "journal_rolled_back")
        return {name: self.value("ninai_store_events_total", provider="a", event=name) for name in names}


async def alone(stage: Stage) -> tuple[Chain, FrailProvider]:
    """Return a chain of one provider with a journal, which has a mark, and its store."""
    chain, store = stage.chain(always=True), stage.store()
    await chain.switch([stage.part("a", store)])
    await chain.provider.remember(USER, "a memory")
    await asyncio.sleep(FILL_SECONDS)
    return chain, store


async def roles(chain: Chain, seconds: float) -> list[ProviderStatus]:
    """Return the status of the only provider, again and again."""
    seen: list[ProviderStatus] = []
    for _ in range(int(seconds / 0.1)):
        seen += (await describe(chain)).providers
        await asyncio.sleep(0.1)
    return seen


def test_a_store_that_was_put_back_is_shown_as_restored() -> None:
    """With its new epoch, and then as home again; it was counted."""

    async def main(stage: Stage) -> None:
        counted = Counted()
        stage.observer = counted.observer
        counted.observer.expect("a", "mock")
        chain, store = await alone(stage)
        before = (await describe(chain)).providers[0]
        store.restore([], None)
        seen = await roles(chain, FILL_SECONDS)
        restored = [one for one in seen if one.role is Role.RESTORED]

        assert (before.role, before.epoch, before.behind_seconds) == (Role.HOME, 1, None)
        assert before.mark is not None
        assert before.mark > 0
        assert restored
        assert {(one.epoch, one.behind_seconds) for one in restored} == {(2, None)}
        assert (seen[-1].role, seen[-1].epoch) == (Role.HOME, 2)
        assert counted.events()["rolled_back"] == 1

    staged(main)


def test_whose_mark_is_older_tells_how_far_back_it_was_put() -> None:
    """The gauge shows it while the provider is restored, and not afterwards."""

    async def main(stage: Stage) -> None:
        counted = Counted()
        stage.observer = counted.observer
        chain, store = await alone(stage)
        mark = (await store.introduce()).mark
        await chain.provider.remember(USER, "another memory")
        await asyncio.sleep(FILL_SECONDS)
        store.restore([], mark)
        shown: set[float | None] = set()
        behind: set[float | None] = set()
        for _ in range(100):
            status = await describe(chain)
            counted.observer.show(status)
            if status.providers[0].role is Role.RESTORED:
                shown.add(counted.value("ninai_store_behind_seconds", provider="a"))
                behind.add(status.providers[0].behind_seconds)
                assert [choice.asked for choice in explain(chain, OperationClass.RECALL).choices] == [True]
            await asyncio.sleep(0.1)

        assert shown == behind
        known = shown - {None}  # the route follows the journal half a second later
        assert [value is not None and value >= 0 for value in known] == [True]
        assert counted.value("ninai_store_behind_seconds", provider="a") is None

    staged(main)


def test_a_store_of_another_journal_is_shown_as_refused() -> None:
    """Once in the counter, all the time in the gauge, with the reason in the status."""

    async def main(stage: Stage) -> None:
        counted = Counted()
        stage.observer = counted.observer
        chain, store = await alone(stage)
        store.restore([], FOREIGN)
        await asyncio.sleep(FILL_SECONDS)
        status = await describe(chain)
        counted.observer.show(status)
        [one] = status.providers

        assert one.refused
        assert "ninai journal adopt" in (one.reason or "")
        assert counted.events()["refused"] == 1
        assert counted.value("ninai_store_refused", provider="a") == 1

    staged(main)


@pytest.mark.parametrize("founded", [True, False])
def test_a_rehearsal_refuses_what_a_start_would_refuse(*, founded: bool) -> None:
    """Stores of another journal, whether this one is new or not."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        if founded:
            await stage.journal.join("a", (await a.introduce()).identity)
        b.restore([], FOREIGN)
        chain = stage.chain(always=True)
        choice = JournalSpec(opened=chain._journal_choice.opened, always=True, installation=INSTALLATION)  # noqa: SLF001 - the stage's journal

        with pytest.raises(OrderRefused, match="ninai journal adopt"):
            await rehearse(choice, [stage.part("a", a), stage.part("b", b)])

    staged(main)


def test_a_rehearsal_refuses_stores_that_differ_before_there_is_a_journal() -> None:
    """Nobody can say which of them is right; the way on is named."""

    async def main(stage: Stage) -> None:
        a, b = stage.store(), stage.store()
        await a.remember(USER, "of a")
        await b.remember(USER, "of b")
        chain = stage.chain(always=True)
        choice = JournalSpec(opened=chain._journal_choice.opened, always=True, installation=INSTALLATION)  # noqa: SLF001 - the stage's journal

        with pytest.raises(OrderRefused, match="ninai providers diff"):
            await rehearse(choice, [stage.part("a", a), stage.part("b", b)])

    staged(main)
