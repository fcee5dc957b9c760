"""At the door, in simulated time: what is refused costs nothing, and what is admitted holds no more than it should."""

import asyncio

import msgspec
import pytest

from app.http.admission.admitted import admission_of
from app.http.admission.dear import DEAR, LEAST
from app.http.admission.operators import MAX_OPERATORS
from app.http.admission.parking import MAX_BYTES, SECONDS
from app.http.problems import RequestError
from app.settings.model import AdmissionSettings
from observability.http import Scope
from observability.notes import Notes, current
from tests.support.clock import FakeClock, simulate
from tests.support.doors import Door, until

SMALL = AdmissionSettings(min_limit=25, max_limit=25, queue_deadline=0.03)


async def fill(door: Door) -> list["asyncio.Task[object]"]:
    """Let callers take all there is."""
    asked = [
        asyncio.create_task(door.ask(key=key, user=f"{key} {number}"))
        for key in ("one", "two", "x")
        for number in range(30)
    ]
    await asyncio.sleep(1)
    return [task for task in asked if not task.done()]


def test_what_is_refused_costs_nothing() -> None:
    """Its body is not read, the application does not see it, and the answer says when to come back."""

    async def scene(clock: FakeClock) -> None:
        door = Door(SMALL)
        held = await fill(door)
        entered, began, notes = door.entered, clock(), Notes("an id")
        scope: Scope = {}
        token = current.set(notes)
        reply = await door.ask("POST", "/memory/recall", length=50, body=asyncio.Event(), scope=scope)
        current.reset(token)

        assert (reply.status, door.entered - entered) == (503, 0)
        assert clock() - began <= SMALL.queue_deadline + 1e-6
        assert 1 <= int(reply.headers[b"retry-after"]) <= 30
        assert reply.headers[b"content-type"] == b"application/problem+json"
        assert int(reply.headers[b"content-length"]) == len(reply.body)
        assert msgspec.json.decode(reply.body)["type"] == "urn:ninai:problem:overloaded"
        assert (scope["path_template"], notes.shed) == ("/memory/recall", "limit")
        assert door.value("ninai_admission_shed_total", lane="callers", reason="limit") >= 1
        door.end.set()
        await asyncio.gather(*held)
        assert door.used == 0

    simulate(scene)


def test_to_head_there_is_no_body() -> None:
    """The head of the refusal is the same."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        held = await fill(door)
        reply = await door.ask("HEAD")
        door.end.set()
        await asyncio.gather(*held)

        assert (reply.status, reply.body) == (503, b"")
        assert int(reply.headers[b"content-length"]) > 0

    simulate(scene)


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/memory/health", "/metrics", "/admin/providers", "/console"])
def test_operators_have_a_lane_of_their_own(path: str) -> None:
    """It takes nothing from callers and is there when they have taken everything."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        held = await fill(door)
        used, entered = door.used, door.entered
        asked = asyncio.create_task(door.ask(path=path))
        await until(lambda: door.entered == entered + 1)

        assert door.used == used
        door.end.set()
        assert (await asked).status == 200
        await asyncio.gather(*held)

    simulate(scene)


def test_a_flood_of_probes_is_bounded() -> None:
    """As many as ever come are served at once, and one more is asked to come back."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        asked = [asyncio.create_task(door.ask(path="/livez")) for _ in range(MAX_OPERATORS)]
        await until(lambda: door.entered == MAX_OPERATORS)
        reply = await door.ask(path="/livez")
        door.end.set()
        served = await asyncio.gather(*asked)
        again = await door.ask(path="/livez")

        assert (reply.status, reply.headers[b"retry-after"]) == (503, b"1")
        assert {one.status for one in served} == {again.status} == {200}
        assert door.value("ninai_admission_shed_total", lane="operators", reason="limit") == 1

    simulate(scene)


@pytest.mark.parametrize(("length", "holds"), [(MAX_BYTES, False), (MAX_BYTES + 1, True)])
def test_who_sends_slowly_holds_nothing(length: int, *, holds: bool) -> None:
    """A body that does not come gives its room to others, if it is not a long one."""

    async def scene(_: FakeClock) -> None:
        door, body = Door(AdmissionSettings()), asyncio.Event()
        asked = asyncio.create_task(door.ask("POST", "/memory/recall", length=length, body=body))
        await until(lambda: door.entered == 1)
        at_first = door.used
        await asyncio.sleep(SECONDS + 0.001)
        meanwhile = door.used
        body.set()
        await asyncio.sleep(0.001)
        afterwards = door.used
        door.end.set()
        await asked

        assert at_first == afterwards > 0
        assert (meanwhile > 0) is holds
        assert door.used == 0

    simulate(scene)


@pytest.mark.parametrize(("price", "used"), [(0.5, 0.5), (20.0, 20.0), (1e9, 128.0)])
def test_the_exact_price_is_charged(price: float, used: float) -> None:
    """More or less than was charged at the door; at most half of the limit."""

    async def scene(_: FakeClock) -> None:
        door = Door(AdmissionSettings(min_limit=256, max_limit=256))
        door.price = price
        asked = asyncio.create_task(door.ask("POST", "/memory/recall", length=50))
        await asyncio.sleep(0.001)
        charged = door.used
        door.end.set()
        await asked

        assert (charged, door.used) == (used, 0)

    simulate(scene)


def test_what_is_dearer_than_it_looked_waits_again() -> None:
    """It is refused with the same problem if it waits in vain, and holds nothing while it waits."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        holding = asyncio.create_task(door.ask("POST", "/memory/recall/batch", key="two", length=126))
        await asyncio.sleep(0.001)
        used, door.price = door.used, 12.5
        asked = asyncio.create_task(door.ask())
        await asyncio.sleep(0.001)
        meanwhile = door.used
        with pytest.raises(RequestError) as caught:
            await asked
        door.end.set()
        await holding

        assert meanwhile == used == 10
        assert (caught.value.kind.name, "Retry-After" in caught.value.headers) == ("overloaded", True)
        assert door.value("ninai_admission_shed_total", lane="callers", reason="price") == 1
        assert door.used == 0

    simulate(scene)


@pytest.mark.parametrize("dearer", [False, True])
def test_batches_of_memories_wait_for_each_other(*, dearer: bool) -> None:
    """Also those that are dearer than they looked: eight clients at a time are no overload, but a queue."""

    async def scene(_: FakeClock) -> None:
        door = Door(AdmissionSettings())
        door.price = 250.0 if dearer else None
        door.seconds = 0.5
        length = 1_000 if dearer else 150_000
        asked = [
            asyncio.create_task(door.ask("POST", "/memory/remember/batch", user=f"u{number % 3}", length=length))
            for number in range(8)
        ]
        replies = await asyncio.gather(*asked)

        assert [reply.status for reply in replies] == [200] * 8
        assert door.used == 0

    simulate(scene)


def test_a_long_poll_holds_nothing() -> None:
    """While it waits; when it goes on it holds what it held before."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        scope: Scope = {}
        asked = asyncio.create_task(door.ask(scope=scope))
        await until(lambda: door.entered == 1)
        before = door.used
        with admission_of(scope).parked():
            meanwhile = door.used
        afterwards = door.used
        door.end.set()
        await asked

        assert (before, meanwhile, afterwards, door.used) == (1, 0, 1, 0)

    simulate(scene)


def test_what_waits_below_holds_nothing_either() -> None:
    """A write whose caller wants to wait for home's word parks its request through its notes."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        told = Notes("an id")
        token = current.set(told)
        asked = asyncio.create_task(door.ask())
        current.reset(token)
        await until(lambda: door.entered == 1)
        before = door.used
        with told.parked():
            meanwhile = door.used
        afterwards = door.used
        door.end.set()
        await asked

        assert (before, meanwhile, afterwards, door.used) == (1, 0, 1, 0)

    simulate(scene)


@pytest.mark.parametrize(("units", "share"), [(DEAR, 1.0), (DEAR + 1, 0.0)])
def test_what_is_dear_is_told_how_much_to_do_at_once(units: float, share: float) -> None:
    """While it slows down ordinary requests: one call after the other."""

    async def scene(_: FakeClock) -> None:
        door = Door(AdmissionSettings())
        door.app._control.dear.units = LEAST  # noqa: SLF001 - as after an interval in which ordinary ones were slow
        door.end.set()
        told = Notes("an id")
        token = current.set(told)
        await door.ask("POST", "/memory/remember", length=int(1_250 * (units - 1)))
        current.reset(token)

        assert told.parallelism == share

    simulate(scene)


@pytest.mark.parametrize("cancelled", [False, True])
def test_what_goes_wrong_holds_nothing(*, cancelled: bool) -> None:
    """A bug, or a client that disconnects."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        door.raises = ValueError("a bug")
        asked = asyncio.create_task(door.ask())
        await until(lambda: door.entered == 1)
        if cancelled:
            asked.cancel()
        door.end.set()
        await asyncio.wait([asked])

        assert (asked.cancelled(), door.used) == (cancelled, 0)

    simulate(scene)


def test_it_can_be_turned_off() -> None:
    """Then everybody is let in, whatever it costs."""

    async def scene(_: FakeClock) -> None:
        door = Door(AdmissionSettings(enabled=False, min_limit=1, max_limit=1))
        door.price = 1e9
        asked = [asyncio.create_task(door.ask()) for _ in range(100)]
        await until(lambda: door.entered == 100)
        door.end.set()
        replies = await asyncio.gather(*asked)

        assert {reply.status for reply in replies} == {200}

    simulate(scene)


def test_callers_without_a_known_key_are_one() -> None:
    """Whoever makes up keys gets no more for it than the share of its address."""

    async def scene(_: FakeClock) -> None:
        door = Door(SMALL)
        asked = [asyncio.create_task(door.ask(key=f"made up {number}")) for number in range(100)]
        await asyncio.sleep(0.1)
        entered = door.entered
        known = asyncio.create_task(door.ask(key="one"))
        await until(lambda: door.entered == entered + 1)
        door.end.set()
        await asyncio.gather(known, *asked)

        assert entered <= 0.8 * SMALL.max_limit

    simulate(scene)
