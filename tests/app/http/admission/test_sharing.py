"""The limit is shared among callers, and by each of them among its users; counted, not timed."""

import asyncio
from collections import Counter

import pytest

from app.http.admission.flows import Slot
from app.http.admission.sharing import (
    DEAREST,
    FEW_CALLERS,
    HOLDS_NOTHING,
    MAX_PATIENT,
    MAX_WAITING,
    ORDINARY,
    PARTS,
    NoRoom,
    SharedLimit,
)
from tests.support.clock import FakeClock, simulate

LIMIT = 100.0
DEADLINE = 1.0
A, B = b"a", b"b"


def shared_limit() -> SharedLimit:
    """A limit of a hundred."""
    return SharedLimit(lambda: LIMIT, DEADLINE)


def take_all(shared: SharedLimit, caller: str, user: bytes, units: float = 1.0) -> list[Slot]:
    """Begin requests until one cannot."""
    slots = []
    while shared.take(slot := shared.arrive(caller, user), units):
        slots.append(slot)
    shared.depart(slot)
    return slots


@pytest.mark.parametrize(("callers", "each"), [(1, 76), (2, 45), (3, 32), (8, 13)])
def test_callers_take_equal_parts(callers: int, each: int) -> None:
    """Whoever comes first takes most of it; as requests end and begin anew, the parts become equal."""
    shared = shared_limit()
    held = [(name, slot) for name in map(str, range(callers)) for slot in take_all(shared, name, A)]
    for _ in range(20):  # each request ends, and everybody tries again
        ended, held = held, []
        for name, slot in ended:
            shared.depart(slot)
            others = [other for other in map(str, range(callers)) if other != name]
            for other in [*others, name]:
                if shared.take(again := shared.arrive(other, A), 1.0):
                    held.append((other, again))
                else:
                    shared.depart(again)
    parts = Counter(name for name, _ in held)

    assert max(parts.values()) <= each
    assert len(parts) == callers
    assert max(parts.values()) - min(parts.values()) <= 0.2 * each + 1


def test_there_is_room_for_who_comes_next() -> None:
    """A caller, and a user of it, that take all they get leave room to another user and to another caller."""
    shared = shared_limit()
    take_all(shared, "greedy", A)
    another_user = shared.take(shared.arrive("greedy", B), 1.0)
    take_all(shared, "greedy", B)
    another_caller = shared.take(shared.arrive("modest", A), 10.0)

    assert (another_user, another_caller) == (True, True)


def test_what_is_dear_leaves_room() -> None:
    """The dearest request takes half of the limit, alone it always begins, and a second one waits."""
    shared = shared_limit()
    slot = shared.arrive("one", A)
    begins = shared.take(slot, 1e9)
    second = shared.take(shared.arrive("one", A), 1e9)

    assert (begins, slot.units, second) == (True, LIMIT * DEAREST, False)
    assert shared.take(shared.arrive("another", A), 10.0)


@pytest.mark.parametrize(
    ("callers", "units", "begins"),
    [
        (FEW_CALLERS, ORDINARY, True),
        (FEW_CALLERS + 1, ORDINARY, False),
        (FEW_CALLERS, ORDINARY + 1, False),
    ],
)
def test_a_lowered_limit_keeps_nobody_out(callers: int, units: float, *, begins: bool) -> None:
    """A caller with nothing under way begins an ordinary request, as long as there are few callers."""
    limit = LIMIT
    shared = SharedLimit(lambda: limit, DEADLINE)
    take_all(shared, "greedy", A)
    limit = 10.0
    for number in range(callers - 2):
        shared.arrive(f"idle {number}", A)

    assert shared.take(shared.arrive("modest", A), units) is begins


async def _queue(shared: SharedLimit, done: list[str], caller: str, user: bytes, units: float) -> None:
    slot = shared.arrive(caller, user)
    try:
        await shared.wait(slot, units)
        done.append(f"{caller}{user.decode()}")
    except NoRoom as error:
        done.append(error.reason)
    finally:
        shared.depart(slot)


def test_who_waits_goes_on_in_turns() -> None:
    """By callers first, then by the users of each, and of each user in the order in which its requests came."""

    async def scene(_: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        held = take_all(shared, "x", A) + take_all(shared, "y", A) + take_all(shared, "z", A)
        wanted = [("x", A)] * 4 + [("x", B)] * 2 + [("y", A)] * 3
        waiting = [asyncio.create_task(_queue(shared, done, caller, user, 20.0)) for caller, user in wanted]
        await asyncio.sleep(0)
        for slot in held:
            shared.depart(slot)
            await asyncio.sleep(0)
        await asyncio.gather(*waiting)

        assert Counter(done[:6])["ya"] == 3
        # The other user of x has had nothing so far.
        assert [name for name in done if name.startswith("x")] == ["xb"] * 2 + ["xa"] * 4
        assert (shared.used, shared.waiting, shared.requests) == (0, 0, 0)

    simulate(scene)


def test_turns_are_weighted_by_price() -> None:
    """Of two callers that always wait, the one with requests of four units gets a quarter as many of them."""

    async def scene(clock: FakeClock) -> None:
        shared, counts = shared_limit(), Counter[str]()
        until = clock() + 20

        async def loop(caller: str, units: float) -> None:
            while clock() < until:
                slot = shared.arrive(caller, A)
                if not shared.take(slot, units):
                    await shared.wait(slot, units)
                await asyncio.sleep(0.1)
                counts[caller] += 1
                shared.depart(slot)

        await asyncio.gather(*(loop("cheap", 1.0) for _ in range(200)), *(loop("dear", 4.0) for _ in range(60)))

        assert counts["dear"] * 4 / counts["cheap"] == pytest.approx(1, abs=0.15)

    # Nobody is refused here: each waits for two rounds at most.
    simulate(scene)


def test_who_waits_too_long_is_refused() -> None:
    """At the deadline, for the limit or for its own share, and nothing of it stays behind."""

    async def scene(clock: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        began = clock()
        held = take_all(shared, "x", A)
        await _queue(shared, done, "x", A, 1.0)
        took = clock() - began
        held += take_all(shared, "y", A)
        await _queue(shared, done, "x", A, 30.0)
        for slot in held:
            shared.depart(slot)

        assert done == ["share", "limit"]
        assert took == pytest.approx(DEADLINE)
        assert (shared.used, shared.waiting, shared.requests) == (0, 0, 0)

    simulate(scene)


def test_who_would_wait_too_long_is_refused_at_once() -> None:
    """When it is known how much is done in a second, no time is lost by waiting for what will not be."""

    async def scene(clock: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        take_all(shared, "x", A)
        take_all(shared, "y", A)
        shared.measure_rate(5.0, 1.0)
        began = clock()
        await _queue(shared, done, "x", A, 40.0)

        assert (done, clock() - began) == (["limit"], 0.0)

    simulate(scene)


def test_others_who_wait_have_their_turns_meanwhile() -> None:
    """A user of whom nothing waits comes after one turn of each other that does, and is refused if that takes long."""

    async def scene(clock: FakeClock) -> None:
        shared = shared_limit()
        shared.measure_rate(3.5 / DEADLINE, 1.0)
        shared.add(shared.arrive("one", A), LIMIT)
        users = [f"user {number}".encode() for number in range(5)]
        began = clock()
        waiting = [asyncio.create_task(shared.wait(shared.arrive("one", user), 1.0)) for user in users]
        await asyncio.sleep(0)
        refused_at_once = [task.done() for task in waiting]
        await asyncio.wait(waiting)

        assert refused_at_once == [False, False, False, True, True]
        assert all(isinstance(task.exception(), NoRoom) for task in waiting)
        assert clock() - began == pytest.approx(DEADLINE)

    simulate(scene)


def test_the_queue_is_bounded() -> None:
    """One more than it holds is refused at once."""

    async def scene(clock: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        take_all(shared, "x", A)
        waiting = [asyncio.create_task(_queue(shared, done, "x", A, 1.0)) for _ in range(MAX_WAITING)]
        await asyncio.sleep(0)
        full = shared.waiting
        began = clock()
        await _queue(shared, done, "x", A, 1.0)

        assert (full, done, clock() - began) == (MAX_WAITING, ["share"], 0.0)
        await asyncio.gather(*waiting)
        assert shared.waiting == 0

    simulate(scene)


def test_room_is_kept_for_who_holds_nothing() -> None:
    """A dear request of a caller with nothing under way is not overtaken for ever by cheap ones of others."""

    async def scene(_: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        held = take_all(shared, "x", A) + take_all(shared, "y", A)
        dear = asyncio.create_task(_queue(shared, done, "dear", A, 40.0))
        await asyncio.sleep(0)
        cheap = [asyncio.create_task(_queue(shared, done, "x", A, 1.0)) for _ in range(10)]
        await asyncio.sleep(0)
        for slot in held[:50]:
            shared.depart(slot)
        await asyncio.gather(dear, *cheap)

        assert done[0] == "deara"

    simulate(scene)


@pytest.mark.parametrize("granted", [False, True])
def test_who_leaves_the_queue_leaves_nothing(*, granted: bool) -> None:
    """Whether its turn had come in the same moment or not."""

    async def scene(_: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        held = take_all(shared, "x", A)
        waiting = asyncio.create_task(_queue(shared, done, "x", A, 1.0))
        await asyncio.sleep(0)
        if granted:
            shared.depart(held.pop())
        waiting.cancel()
        if not granted:
            shared.depart(held.pop())
        with pytest.raises(asyncio.CancelledError):
            await waiting
        for slot in held:
            shared.depart(slot)

        assert (shared.used, shared.waiting, shared.requests) == (0, 0, 0)

    simulate(scene)


def test_fractions_come_back_to_nothing() -> None:
    """Prices of any fraction are taken in whole parts, whose sums have no rounding error."""
    shared = shared_limit()
    slots = [shared.arrive("x", A) for _ in range(10)]
    for number, slot in enumerate(slots):
        shared.take(slot, shared.units_of(0.1 * number + 1 / 3))
    for slot in slots:
        shared.depart(slot)

    assert shared.used == 0
    assert shared.units_of(1 / 3) * PARTS == 6


@pytest.mark.parametrize(("waiting", "waits"), [(MAX_PATIENT - 1, 10.0), (MAX_PATIENT, DEADLINE)])
def test_some_wait_longer(waiting: int, waits: float) -> None:
    """As long as their patience, while few requests wait."""

    async def scene(clock: FakeClock) -> None:
        shared = shared_limit()
        take_all(shared, "x", A)
        before = [asyncio.create_task(_queue(shared, [], "x", A, 1.0)) for _ in range(waiting)]
        await asyncio.sleep(0)
        began = clock()
        with pytest.raises(NoRoom):
            await shared.wait(shared.arrive("x", A, patience=10.0), 1.0)
        took = clock() - began
        await asyncio.gather(*before)

        assert took == pytest.approx(waits)

    simulate(scene)


def test_who_waits_long_is_served_in_turn() -> None:
    """One after the other, however long that takes, as long as nobody's patience is at its end."""

    async def scene(clock: FakeClock) -> None:
        shared = shared_limit()

        async def store() -> float:
            slot = shared.arrive("x", A, patience=10.0)
            if not shared.take(slot, 50.0):
                await shared.wait(slot, 50.0)
            await asyncio.sleep(2 * DEADLINE)
            shared.depart(slot)
            return clock()

        began = clock()
        ended = await asyncio.gather(*(store() for _ in range(5)))

        assert [round(one - began) for one in ended] == [2, 4, 6, 8, 10]
        assert (shared.used, shared.waiting, shared.requests) == (0, 0, 0)

    simulate(scene)


@pytest.mark.parametrize(("seconds", "overtakes"), [(HOLDS_NOTHING - 0.01, False), (HOLDS_NOTHING, True)])
def test_room_is_not_kept_for_ever(seconds: float, *, overtakes: bool) -> None:
    """What becomes free is kept for a dear request for a second; others need not wait as long as its patience lasts."""

    async def scene(_: FakeClock) -> None:
        shared, done = shared_limit(), list[str]()
        held = take_all(shared, "x", A) + take_all(shared, "y", A)
        dear = asyncio.create_task(shared.wait(shared.arrive("dear", A, patience=10.0), 40.0))
        await asyncio.sleep(seconds)
        cheap = asyncio.create_task(_queue(shared, done, "x", A, 1.0))
        await asyncio.sleep(0)
        for slot in held[:30]:
            shared.depart(slot)
        await asyncio.sleep(0.001)
        before_dear = [*done]
        for slot in held[30:]:
            shared.depart(slot)
        await asyncio.gather(dear, cheap)

        assert before_dear == (["xa"] if overtakes else [])

    simulate(scene)
