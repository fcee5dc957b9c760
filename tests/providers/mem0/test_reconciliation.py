"""The reconciliation of ambiguous writes: what may land late is looked for, some time after the write."""

import asyncio
import contextlib

import httpx
import pytest

from providers.errors import (
    InvalidInput,
    MemoryNotFound,
    Misconfigured,
    ProviderError,
    Throttled,
    TimedOut,
    Unavailable,
)
from providers.mem0.reconciliation import DELAYS, MAX_PENDING, TASK_NAME, Reconciliation
from providers.owners import Owner
from providers.states.clock import new_memory_id
from providers.timing import time_limit
from tests.support.clock import FakeClock
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0 import DIALECTS, SERVERS, opened, texts_of
from tests.support.states import live

START = 1_000.0


class Reconciler:
    """Records when it was called for what; fails as often as it is set to."""

    def __init__(self, clock: FakeClock, failures: int = 0) -> None:
        self.looks: list[tuple[float, str]] = []
        self._clock = clock
        self._failures = failures

    async def reconcile(self, owner: Owner, _memory_id: str) -> None:
        """Look once."""
        self.looks.append((self._clock.now - START, owner.user))
        if self._failures:
            self._failures -= 1
            raise Unavailable("mem0 fails (HTTP 502)")


class Pause:
    """A sleep that ends when the test ends it."""

    def __init__(self) -> None:
        self.over = asyncio.Event()
        self.slept: list[float] = []

    async def sleep(self, seconds: float) -> None:
        """Wait until the pause is over."""
        self.slept.append(seconds)
        await self.over.wait()


@pytest.fixture
def clock() -> FakeClock:
    """Time that passes when somebody sleeps."""
    return FakeClock(START)


async def everything_done() -> None:
    """Wait until every reconciliation has come to its end."""
    while tasks := [task for task in asyncio.all_tasks() if task.get_name() == TASK_NAME]:
        await asyncio.wait(tasks)


async def test_a_look_has_time_of_its_own(clock: FakeClock) -> None:
    """The end of the try that got no answer is long past by then, and would end every look at once."""
    left: list[float] = []

    async def reconcile(_owner: Owner, _memory_id: str) -> None:
        left.append(time_limit.seconds_left(otherwise=15.0))

    reconciliation = Reconciliation(reconcile, clock.sleep)
    handed_down = time_limit.hand_down(1.0)
    with contextlib.suppress(TimedOut), reconciliation.watch(live("kannan")):
        raise TimedOut("", ambiguous=True)
    time_limit.ends_at.reset(handed_down)
    await everything_done()

    assert left == [15.0] * len(DELAYS)


@pytest.mark.parametrize(
    "error", [TimedOut("", ambiguous=True), Unavailable("", ambiguous=True), asyncio.CancelledError()]
)
async def test_a_write_in_doubt_is_reconciled_three_times(clock: FakeClock, error: BaseException) -> None:
    """A write that got no answer, or was broken off, is reconciled soon, later and much later."""
    reconciler = Reconciler(clock)
    reconciliation = Reconciliation(reconciler.reconcile, clock.sleep)
    with pytest.raises(type(error)), reconciliation.watch(live("anna")):
        raise error
    await everything_done()

    assert reconciler.looks == [(moment, "anna") for moment in DELAYS]


@pytest.mark.parametrize(
    "error", [None, InvalidInput("content", ""), Unavailable(""), Throttled(""), Misconfigured(""), TimedOut("")]
)
async def test_a_write_that_is_certain_is_not_reconciled(clock: FakeClock, error: ProviderError | None) -> None:
    """What was stored, or was refused, cannot come late."""
    reconciler = Reconciler(clock)
    reconciliation = Reconciliation(reconciler.reconcile, clock.sleep)
    with contextlib.suppress(ProviderError), reconciliation.watch(live("anna")):
        if error is not None:
            raise error
    await everything_done()

    assert (reconciler.looks, clock.slept) == ([], [])


async def test_a_look_that_fails_is_not_the_last(clock: FakeClock) -> None:
    """mem0 may still be down at the first look."""
    reconciler = Reconciler(clock, failures=2)
    reconciliation = Reconciliation(reconciler.reconcile, clock.sleep)
    with pytest.raises(TimedOut), reconciliation.watch(live("anna")):
        raise TimedOut("", ambiguous=True)
    await everything_done()

    assert len(reconciler.looks) == len(DELAYS)


async def test_no_more_is_scheduled_than_fits(clock: FakeClock) -> None:
    """A long outage under load costs a bounded number of looks, and the same memory is scheduled once."""
    pause, reconciler = Pause(), Reconciler(clock)
    reconciliation = Reconciliation(reconciler.reconcile, pause.sleep)
    for state in [live("anna")] * 5 + [live(f"user-{number}") for number in range(MAX_PENDING + 5)]:
        with pytest.raises(TimedOut), reconciliation.watch(state):
            raise TimedOut("", ambiguous=True)
    await asyncio.sleep(0)
    assert len(pause.slept) == MAX_PENDING

    await reconciliation.close()
    assert reconciler.looks == []
    assert not [task for task in asyncio.all_tasks() if task.get_name() == TASK_NAME]


def stores_tea(one: Received) -> bool:
    """Whether this request stores the memory that is to come late."""
    return one.method == "POST" and b'"content":"tea"' in one.body


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_a_write_that_lands_after_a_delete_is_removed(dialect: str) -> None:
    """A memory whose delete overtook it goes away by itself, without another call."""
    pause, memory_id = Pause(), new_memory_id()
    async with (
        SERVERS[dialect]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, dialect, sleep=pause.sleep) as provider,
        httpx.AsyncClient(base_url=server.base_url, trust_env=False) as late,
    ):
        await fickle.become(Behaviour.RESET, only=stores_tea, times=1)
        with pytest.raises(Unavailable):
            await provider.remember("anna", "tea", memory_id=memory_id)
        (one,) = filter(stores_tea, fickle.requests)
        assert await provider.delete("anna", memory_id) is False
        await late.request(one.method, one.path, headers=one.headers, content=one.body)
        assert texts_of(server, "anna") == ["tea"]

        pause.over.set()
        await everything_done()

        assert texts_of(server, "anna") == []
        assert pause.slept == [DELAYS[0], DELAYS[1] - DELAYS[0], DELAYS[2] - DELAYS[1]]
        with pytest.raises(MemoryNotFound):
            await provider.get("anna", memory_id)


async def test_a_provider_that_closes_reconciles_nothing_any_more() -> None:
    """What waits for its look ends with the provider."""
    async with SERVERS["spec"]() as server, FickleHttp(server.base_url) as fickle:
        async with opened(fickle.base_url, "spec") as provider:
            await fickle.become(Behaviour.RESET, only=stores_tea)
            with pytest.raises(Unavailable):
                await provider.remember("anna", "tea")
            assert [task for task in asyncio.all_tasks() if task.get_name() == TASK_NAME]

        assert not [task for task in asyncio.all_tasks() if task.get_name() == TASK_NAME]
