"""Touches in the background: of what is recalled and got, seldom, within bounds, and never in the way of a reader."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime, timedelta

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers import background
from providers.errors import Unavailable
from providers.labels import MAX_KEY_CHARS
from providers.limits import MAX_BATCH
from providers.looks import looking
from providers.measured import MeasuredProvider
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.touches import Touch
from providers.touching import COLLECT_SECONDS, MOST_REMEMBERED, MOST_WAITING, Toucher
from providers.types import MemoryRecord, NewMemory, PageQuery, RecallQuery
from tests.support.clock import FakeClock, hybrid_clock, simulate

OWNER = Owner("kannan")
LIFE = 600  # seconds; a tenth of it is a minute
KEY = "k" * MAX_KEY_CHARS


class Noting(MockMemoryProvider):
    """Notes touches before it makes them; `failing` it makes none."""

    def __init__(self, clock: FakeClock) -> None:
        super().__init__(hybrid_clock(clock))
        self.touches: list[list[str]] = []
        self.failing = False

    async def touch(self, touches: Sequence[Touch]) -> None:
        """Note them, and make them."""
        self.touches.append([touch.memory_id for touch in touches])
        if self.failing:
            raise Unavailable("down")
        await super().touch(touches)


class Rig:
    """A provider that is touched, by the clock of a simulation."""

    def __init__(self, clock: FakeClock) -> None:
        self.clock = clock
        self.metrics = Metrics(CollectorRegistry())
        self.store = Noting(clock)
        self.longest: float | None = None
        self.toucher = Toucher(lambda: self.store, self.metrics, lambda _: self.longest, lambda: int(clock() * 1_000))
        self.provider = MeasuredProvider(
            lambda: self.store, lambda: "store", self.metrics, answered=self.toucher.answered
        )

    def moment(self, seconds: float = 0.0) -> datetime:
        """Return the moment so many seconds from now."""
        return datetime.fromtimestamp(self.clock(), UTC) + timedelta(seconds=seconds)

    async def stored(self, content: str = "tea", sliding: int | None = LIFE, key: str | None = None) -> str:
        """Store a memory that lives for ten minutes, and return its id."""
        new = NewMemory(owner=OWNER, content=content, expires_at=self.moment(LIFE), sliding_seconds=sliding, key=key)
        return (await self.provider.store(new)).id

    def count(self, outcome: str) -> float:
        """Return how many touches have ended so."""
        return self.metrics.touches.labels(outcome)._value.get()  # type: ignore[no-any-return] # noqa: SLF001 - as tests read counters

    async def settled(self) -> list[str]:
        """Wait until all is written, and return what was since the last time."""
        await asyncio.sleep(2 * COLLECT_SECONDS)
        written = [memory_id for batch in self.store.touches for memory_id in batch]
        self.store.touches.clear()
        return written


def play(act: Callable[[Rig], Awaitable[None]]) -> None:
    """Let a scene happen in simulated time, while touches are written."""

    async def main(clock: FakeClock) -> None:
        rig = Rig(clock)
        async with background.running(background.start(rig.toucher.run, "touches")):
            await act(rig)

    simulate(main)


def record(number: int, rig: Rig) -> MemoryRecord:
    """Return a memory that is due to be touched."""
    return MemoryRecord(
        id=f"00000000-0000-7000-8000-{number:012}",
        user_id=OWNER.user,
        content="tea",
        metadata=None,
        created_at=rig.moment(),
        updated_at=None,
        expires_at=rig.moment(LIFE / 2),
        sliding_seconds=LIFE,
    )


def test_what_is_recalled_or_got_is_touched() -> None:
    """By recall, in a batch, by id and by key; not by a list, and not what does not slide."""

    async def act(rig: Rig) -> None:
        recalled, got = await rig.stored("tea"), await rig.stored("coffee")
        asked, keyed = await rig.stored("milk"), await rig.stored("water", key=KEY)
        await rig.stored("tea", sliding=None)
        await asyncio.sleep(LIFE / 2)

        await rig.provider.page(PageQuery(owner=OWNER))
        assert await rig.settled() == []
        await rig.provider.find(RecallQuery(owner=OWNER, query="tea"))
        await rig.provider.find_many([RecallQuery(owner=OWNER, query="milk")])
        await rig.provider.fetch(OWNER, got)
        await rig.provider.page(PageQuery(owner=OWNER, key=KEY))

        assert sorted(await rig.settled()) == sorted([recalled, got, asked, keyed])
        assert rig.count("written") == 4

    play(act)


def test_looks_of_the_service_itself_touch_nothing() -> None:
    """Whoever is given nothing gives nobody more time; afterwards a reader does."""

    async def act(rig: Rig) -> None:
        memory_id = await rig.stored()
        await asyncio.sleep(LIFE / 2)
        with looking():
            await rig.provider.fetch(OWNER, memory_id)
            await rig.provider.find(RecallQuery(owner=OWNER, query="tea"))
        assert await rig.settled() == []
        await rig.provider.fetch(OWNER, memory_id)
        assert await rig.settled() == [memory_id]

    play(act)


@pytest.mark.parametrize(("longest", "lives"), [(LIFE / 2, LIFE / 2), (LIFE, LIFE), (2 * LIFE, LIFE), (None, LIFE)])
def test_a_touch_gives_no_more_time_than_is_allowed(longest: float | None, lives: float) -> None:
    """Where a maximum was configured after the memory was written, or it was imported with more."""

    async def act(rig: Rig) -> None:
        rig.longest = longest
        memory_id = await rig.stored()
        await asyncio.sleep(LIFE * 0.8)
        touched = rig.moment(lives)
        rig.toucher.note([(await rig.provider.fetch(OWNER, memory_id)).memory])
        await rig.settled()
        assert (await rig.provider.fetch(OWNER, memory_id)).memory.expires_at == touched

    play(act)


def test_what_waits_at_the_end_is_written() -> None:
    """So that a restart takes no memory's time away."""

    async def main(clock: FakeClock) -> None:
        rig = Rig(clock)
        memory_id = await rig.stored()
        await asyncio.sleep(LIFE / 2)
        async with background.running(background.start(rig.toucher.run, "touches")):
            await rig.provider.fetch(OWNER, memory_id)
            await asyncio.sleep(COLLECT_SECONDS / 2)
        assert rig.store.touches == [[memory_id]]

    simulate(main)


def test_a_memory_is_touched_once_in_a_tenth_of_its_time() -> None:
    """Neither sooner after it was written, nor after the last touch, however often it is read."""

    async def act(rig: Rig) -> None:
        memory_id = await rig.stored()
        found: list[int] = []
        for _ in range(4):
            for _ in range(10):
                await rig.provider.fetch(OWNER, memory_id)
            found.append(len(await rig.settled()))
            await asyncio.sleep(LIFE / 20)

        assert found == [0, 0, 1, 0]

    play(act)


def test_a_memory_that_is_read_again_and_again_lives_on() -> None:
    """And ends its time after it was read last."""

    async def act(rig: Rig) -> None:
        memory_id = await rig.stored()
        for _ in range(10):
            await asyncio.sleep(LIFE * 0.8)
            assert (await rig.provider.fetch(OWNER, memory_id)).memory.sliding_seconds == LIFE
            await rig.settled()

        state = await rig.store.snapshot(OWNER, memory_id)
        assert state is not None
        assert state.touched_at is not None
        assert state.expires_at == state.touched_at + timedelta(seconds=LIFE)

    play(act)


def test_an_answer_that_does_not_show_the_touch_yet_makes_no_other() -> None:
    """As one of a store whose reads are behind; a tenth of the time later it is touched again."""

    async def act(rig: Rig) -> None:
        old = record(1, rig)

        rig.toucher.note([old, old])
        first = await rig.settled()
        rig.toucher.note([old])
        second = await rig.settled()
        await asyncio.sleep(LIFE / 10)
        rig.toucher.note([old])

        assert (first, second, await rig.settled()) == ([old.id], [], [old.id])

    play(act)


def test_what_has_expired_is_not_touched() -> None:
    """A look under a key meets it before it is erased."""

    async def act(rig: Rig) -> None:
        old = record(1, rig)
        await asyncio.sleep(LIFE / 2)

        rig.toucher.note([old])

        assert await rig.settled() == []

    play(act)


def test_a_touch_that_fails_is_made_by_the_next_reader() -> None:
    """The reader learns nothing of it."""

    async def act(rig: Rig) -> None:
        memory_id = await rig.stored()
        await asyncio.sleep(LIFE / 2)
        rig.store.failing = True
        await rig.provider.fetch(OWNER, memory_id)
        failed = await rig.settled()
        rig.store.failing = False
        await rig.provider.fetch(OWNER, memory_id)

        assert (failed, await rig.settled()) == ([memory_id], [memory_id])
        assert (rig.count("failed"), rig.count("written")) == (1, 1)

    play(act)


def test_what_waits_is_bounded() -> None:
    """So many wait, and are written in batches; one more is dropped, and counted."""

    async def act(rig: Rig) -> None:
        due = [record(number, rig) for number in range(MOST_WAITING + 1)]

        rig.toucher.note(due[:MOST_WAITING])
        before = rig.count("dropped")
        rig.toucher.note(due)
        await asyncio.sleep(2 * COLLECT_SECONDS)

        assert (before, rig.count("dropped"), rig.count("written")) == (0, 1, MOST_WAITING)
        assert {len(batch) for batch in rig.store.touches} == {MAX_BATCH}
        rig.toucher.note(due[-1:])
        assert (await rig.settled())[-1] == due[-1].id

    play(act)


@pytest.mark.parametrize("more", [0, 1])
def test_what_is_remembered_is_bounded(more: int) -> None:
    """The touch of longest ago is forgotten first, and made again."""

    async def act(rig: Rig) -> None:
        due = [record(number, rig) for number in range(MOST_REMEMBERED + more)]
        rig.toucher.note(due[:1])
        await rig.settled()
        rig.toucher.note(due[1:])
        await rig.settled()

        rig.toucher.note(due[:1])

        assert len(await rig.settled()) == more

    play(act)
