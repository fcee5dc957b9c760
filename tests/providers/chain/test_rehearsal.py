"""A rehearsal finds out whether an order could be put in force, and leaves nothing open."""

from collections.abc import AsyncIterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext

import pytest

from providers.chain.errors import OrderRefused
from providers.chain.opening import JournalSpec, ProviderSpec
from providers.chain.policy import AttemptPolicy
from providers.chain.rehearsal import rehearse
from providers.errors import Misconfigured
from providers.introduction import StoreMark
from providers.journal.base import Journal
from providers.journal.operations import MemberState
from providers.memory.provider import MockMemoryProvider
from providers.replica import Replica
from tests.support.chain_rig import INSTALLATION, JournalInMemory
from tests.support.clock import FakeClock
from tests.support.frail import FrailProvider

WITHOUT_JOURNAL = JournalSpec(opened=None, always=False, installation=INSTALLATION)


class Order:
    """Parts of an order, and the names of those that were opened and are open."""

    def __init__(self) -> None:
        self.opened: list[str] = []
        self.open: list[str] = []

    def part(self, name: str, provider: Replica | Exception) -> ProviderSpec:
        """Return a part that gives this provider, or cannot be opened."""

        @asynccontextmanager
        async def opened() -> AsyncIterator[Replica]:
            self.opened.append(name)
            if isinstance(provider, Exception):
                raise provider
            self.open.append(name)
            yield provider
            self.open.remove(name)

        return ProviderSpec(name=name, settings=name, opened=opened, attempts=AttemptPolicy())


class LostJournal(AbstractAsyncContextManager[Journal]):
    """A journal that cannot be opened."""

    async def __aenter__(self) -> Journal:
        raise Misconfigured("no such file")

    async def __aexit__(self, *_: object) -> None:
        """Nothing was opened."""


async def test_an_order_that_could_be_put_in_force_is_closed_again() -> None:
    """Every provider was opened once."""
    order = Order()

    await rehearse(WITHOUT_JOURNAL, [order.part(name, MockMemoryProvider()) for name in "ab"])

    assert (order.opened, order.open) == (["a", "b"], [])


async def test_twins_are_refused() -> None:
    """And closed."""
    order, store = Order(), MockMemoryProvider()

    with pytest.raises(OrderRefused, match="a and b are one and the same store"):
        await rehearse(WITHOUT_JOURNAL, [order.part("a", store), order.part("b", store)])

    assert (order.opened, order.open) == (["a", "b"], [])


@pytest.mark.parametrize("error", [Misconfigured("no such database"), ValueError("a bug")])
async def test_what_cannot_be_opened_is_the_reason(error: Exception) -> None:
    """The error itself, also that of a bug; nothing is opened after it."""
    order = Order()
    parts = [order.part("a", MockMemoryProvider()), order.part("b", error), order.part("c", MockMemoryProvider())]

    with pytest.raises(type(error), match=str(error)):
        await rehearse(WITHOUT_JOURNAL, parts)

    assert (order.opened, order.open) == (["a", "b"], [])


async def test_without_its_journal_no_provider_is_opened() -> None:
    """It is opened first."""
    order = Order()
    choice = JournalSpec(opened=LostJournal, always=True, installation=INSTALLATION)

    with pytest.raises(Misconfigured, match="no such file"):
        await rehearse(choice, [order.part("a", MockMemoryProvider())])

    assert order.opened == []


@pytest.mark.parametrize("pending", [True, False])
async def test_a_single_provider_must_not_lack_what_a_lost_journal_held(*, pending: bool) -> None:
    """Whose journal had delivered everything may start, and none is opened for it."""
    order, store = Order(), MockMemoryProvider()
    mark = StoreMark(installation=INSTALLATION, journal="former", epoch=1, number=1, at=0.0, pending=pending)
    await store.leave_mark(mark, None)
    choice = JournalSpec(opened=LostJournal, always=False, installation=INSTALLATION)

    refusal = pytest.raises(OrderRefused, match="the journal former is gone") if pending else nullcontext()
    with refusal:
        await rehearse(choice, [order.part("a", store)])

    assert (order.opened, order.open) == (["a"], [])


async def test_a_single_provider_that_shall_have_no_journal_is_not_refused() -> None:
    """Whoever configured that knows what may be missing."""
    order, store = Order(), MockMemoryProvider()
    await store.leave_mark(StoreMark(installation=INSTALLATION, journal="former", epoch=1, number=1, at=0.0), None)

    await rehearse(WITHOUT_JOURNAL, [order.part("a", store)])

    assert order.open == []


@pytest.mark.parametrize("confirmed", [True, False])
async def test_a_journal_of_another_installation_needs_a_store_that_confirms_it(*, confirmed: bool) -> None:
    """A store that says nothing confirms nothing, and the others are strangers to the journal."""
    order, store, clock = Order(), MockMemoryProvider(), FakeClock()
    journal = JournalInMemory(clock)
    await journal.installation("another installation")
    identity = (await store.introduce()).identity if confirmed else "another store"
    await journal.join("a", None, MemberState.COMPLETE)
    await journal.join("b", identity, MemberState.FILLING)
    silent = FrailProvider(clock)
    silent.down = True
    choice = JournalSpec(opened=lambda: nullcontext(journal), always=True, installation=INSTALLATION)

    refusal = pytest.raises(OrderRefused, match="another installation, and b does not belong to it")
    with nullcontext() if confirmed else refusal:
        await rehearse(choice, [order.part("a", silent), order.part("b", store)])

    assert order.open == []
