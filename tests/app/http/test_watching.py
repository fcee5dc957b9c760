"""The wait for a change holds nothing, and ends when it must."""

import asyncio
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest

from app.http.cursors import Cursors
from app.http.event_stream import STREAM_SECONDS, EventStream
from app.http.watching import Watch
from providers.errors import Unavailable
from providers.feed import FeedQuery
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from tests.support.clock import FakeClock, simulate
from tests.support.frail import FrailProvider

ANNA = FeedQuery(owner=Owner("anna"))


class Admission:
    """The admission of one request, which tells whether anything is held."""

    def __init__(self) -> None:
        self.held = True

    async def charge(self, price: float) -> None:
        """Charge nothing."""

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Hold nothing for as long as the context lasts."""
        self.held = False
        yield
        self.held = True


class Scene:
    """A provider that is watched, in simulated time."""

    def __init__(self, clock: FakeClock, ending: Callable[[], bool] = lambda: False) -> None:
        self.clock, self.provider, self.admission = clock, FrailProvider(clock), Admission()
        self.watch = Watch(self.provider, self.admission, ending, clock)

    async def stream(self) -> EventStream:
        """Return the stream of what comes."""
        return EventStream(self.watch, ANNA, await self.watch.page(ANNA, 0), Cursors(b"a secret"))


def test_nothing_is_held_while_it_waits() -> None:
    """And a change ends the wait, long before the time is up."""

    async def act(clock: FakeClock) -> None:
        scene, began = Scene(clock), clock()
        waiting = asyncio.ensure_future(scene.watch.page(ANNA, 60))
        await asyncio.sleep(10)
        held = scene.admission.held
        await MockMemoryProvider.remember(scene.provider, "anna", "tea")
        page = await waiting

        assert (held, scene.admission.held) == (False, True)
        assert [change.state.content for change in page.changes] == ["tea"]
        assert clock() - began < 20

    simulate(act)


@pytest.mark.parametrize(("ending_at", "end"), [(5.0, 8.0), (1e6, 30.0)])
def test_it_ends_when_it_must(ending_at: float, end: float) -> None:
    """When the time is up, or soon after the process is about to stop."""

    async def act(clock: FakeClock) -> None:
        began = clock()
        scene = Scene(clock, lambda: clock() - began >= ending_at)
        page = await scene.watch.page(ANNA, 30.0)

        assert page.changes == []
        assert clock() - began <= end + 0.1

    simulate(act)


def test_a_client_that_leaves_ends_the_wait() -> None:
    """Its request is cancelled; the admission can be given back as ever."""

    async def act(clock: FakeClock) -> None:
        scene = Scene(clock)
        waiting = asyncio.ensure_future(scene.watch.page(ANNA, 60))
        await asyncio.sleep(10)
        waiting.cancel()
        await asyncio.gather(waiting, return_exceptions=True)

        assert waiting.cancelled()

    simulate(act)


def test_a_stream_shows_that_it_is_alive_and_ends_in_time() -> None:
    """It holds nothing while the client reads."""

    async def act(clock: FakeClock) -> None:
        scene, began = Scene(clock), clock()
        stream = await scene.stream()
        held = set()
        texts = []
        async for text in stream.events():
            texts.append(text)
            held.add(scene.admission.held)

        assert held == {False}
        assert len(texts) == 1 + STREAM_SECONDS / 15
        assert all(b": alive\nid: " in text for text in texts)
        assert clock() - began == pytest.approx(STREAM_SECONDS, abs=1.0)

    simulate(act)


def test_an_error_is_the_last_event_of_a_stream() -> None:
    """The client connects again, with the cursor that it has."""

    async def act(clock: FakeClock) -> None:
        scene = Scene(clock)
        stream = await scene.stream()
        scene.provider.failures["*"] = Unavailable("down")
        *_, last = [text async for text in stream.events()]

        assert last.startswith(b"event: problem\ndata: {")
        assert b"urn:ninai:problem:unavailable" in last

    simulate(act)
