"""The hybrid clock and the ids."""

from datetime import UTC, datetime
from functools import partial
from itertools import pairwise
from uuid import UUID

import pytest
import structlog
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from providers.states.clock import (
    COUNTER_BITS,
    FAR_AHEAD_SECONDS,
    HybridClock,
    keyed_memory_id,
    milliseconds_of,
    new_edit_id,
    new_memory_id,
    wall_clock_ms,
)

TWO_DAYS_MS = 2 * 86_400_000
FAR_AHEAD_MS = int(FAR_AHEAD_SECONDS * 1000)


@pytest.fixture(autouse=True)
def _said() -> None:
    """Whatever a command before has left of the log: warnings are to be heard."""
    structlog.reset_defaults()


class Hands:
    """A wall clock that is set by hand, in milliseconds."""

    def __init__(self, now: int) -> None:
        self.now = now

    def __call__(self) -> int:
        """The time as it was set."""
        return self.now


def test_a_version_starts_at_the_wall_clock() -> None:
    """The first version of a millisecond is the millisecond with the counter at zero."""
    assert HybridClock(Hands(1_700_000_000_000)).next() == 1_700_000_000_000 << COUNTER_BITS


def test_versions_grow_while_the_clock_stands_still() -> None:
    """Within one millisecond the counter tells versions apart."""
    clock = HybridClock(Hands(5))

    assert [clock.next() - (5 << COUNTER_BITS) for _ in range(3)] == [0, 1, 2]


def test_versions_grow_while_the_clock_steps_back() -> None:
    """A wall clock set back does not take versions back, and they follow it again once it has caught up."""
    hands = Hands(1000)
    clock = HybridClock(hands)
    first = clock.next()

    hands.now = 10
    second = clock.next()
    hands.now = 2000
    third = clock.next()

    assert (second, third) == (first + 1, 2000 << COUNTER_BITS)


def test_a_full_counter_carries_into_the_milliseconds() -> None:
    """More than 65,536 versions in one millisecond go on in the next."""
    clock = HybridClock(Hands(7))
    clock.observe((8 << COUNTER_BITS) - 1)

    assert clock.next() == 8 << COUNTER_BITS


def test_versions_grow_past_what_was_observed() -> None:
    """After a version from elsewhere, greater ones are minted; an older one changes nothing."""
    clock = HybridClock(Hands(1))
    ahead = 900 << COUNTER_BITS

    clock.observe(ahead)
    clock.observe(3)

    assert clock.next() == ahead + 1


@given(st.lists(st.tuples(st.integers(0, 2**46), st.booleans()), min_size=2))
def test_versions_of_one_clock_always_grow(events: list[tuple[int, bool]]) -> None:
    """Whatever the wall clock shows and whatever is observed, each version is greater than all before it."""
    hands = Hands(0)
    clock = HybridClock(hands)
    versions: list[int] = []
    for number, observed in events:
        if observed:
            clock.observe(number << COUNTER_BITS)
            versions.append(max([*versions, number << COUNTER_BITS]))
        hands.now = number
        versions.append(clock.next())

    assert all(earlier <= later for earlier, later in pairwise(versions))
    assert versions[-1] > max(versions[:-1])
    assert versions[-1] < 2**63


def test_a_version_tells_its_milliseconds() -> None:
    """Whatever its counter."""
    assert milliseconds_of((1_700_000_000_123 << COUNTER_BITS) + 42) == 1_700_000_000_123


def test_moments_and_milliseconds_are_those_of_the_wall_clock() -> None:
    """However far ahead the versions are that were observed."""
    clock = HybridClock(Hands(1_700_000_000_123))
    clock.observe((1_700_000_000_123 + TWO_DAYS_MS) << COUNTER_BITS)
    clock.next()

    assert clock.milliseconds() == 1_700_000_000_123
    assert clock.moment() == datetime(2023, 11, 14, 22, 13, 20, 123_000, tzinfo=UTC)


def test_the_default_clock_counts_milliseconds_since_1970() -> None:
    """It shows now."""
    assert abs((HybridClock().moment() - datetime.now(UTC)).total_seconds()) < 1
    assert abs(HybridClock().milliseconds() - wall_clock_ms()) < 1_000


def test_a_clock_tells_how_far_it_is_ahead() -> None:
    """By its newest version, minted or observed; not at all while it goes by the wall clock, or behind it."""
    hands = Hands(1_000)
    clock = HybridClock(hands)
    assert clock.ahead() == 0.0

    clock.next()
    assert clock.ahead() == 0.0
    clock.observe(3_500 << COUNTER_BITS)
    assert clock.ahead() == 2.5
    hands.now = 2_000
    assert clock.ahead() == 1.5
    hands.now = 4_000
    assert clock.ahead() == 0.0


def test_a_version_that_passes_by_moves_nothing() -> None:
    """How far it is ahead is told all the same."""
    clock = HybridClock(Hands(1_000))

    with capture_logs() as logs:
        clock.meet((1_000 + TWO_DAYS_MS) << COUNTER_BITS)

    assert clock.ahead() == TWO_DAYS_MS / 1000
    assert [entry["event"] for entry in logs] == ["clock_ahead"]
    assert clock.next() == 1_000 << COUNTER_BITS


@pytest.mark.parametrize(("milliseconds", "told"), [(FAR_AHEAD_MS, 0), (FAR_AHEAD_MS + 1_000, 1)])
def test_a_version_that_is_far_ahead_is_said(milliseconds: int, told: int) -> None:
    """More than an hour is; up to that it is taken without a word."""
    with capture_logs() as logs:
        clock = HybridClock(Hands(1_000_000))
        clock.observe((1_000_000 + milliseconds) << COUNTER_BITS)

    assert logs == [{"event": "clock_ahead", "log_level": "warning", "seconds": 3_601}] * told
    assert clock.next() > (1_000_000 + milliseconds) << COUNTER_BITS


def test_a_clock_that_was_set_back_is_said() -> None:
    """The process itself was wrong, and nobody had to tell it of another version."""
    hands = Hands(TWO_DAYS_MS)
    clock = HybridClock(hands)
    clock.next()
    hands.now = 0

    with capture_logs() as logs:
        clock.next()

    assert [entry["seconds"] for entry in logs] == [TWO_DAYS_MS // 1000]


def test_it_is_said_once_in_an_hour() -> None:
    """Not with each version; and again, if the wall clock has meanwhile stepped back over that hour."""
    hands = Hands(TWO_DAYS_MS)
    clock = HybridClock(hands)
    with capture_logs() as logs:
        clock.observe(10 * TWO_DAYS_MS << COUNTER_BITS)
        for later in (0, FAR_AHEAD_MS - 1, FAR_AHEAD_MS, FAR_AHEAD_MS + 1, -1):
            hands.now = TWO_DAYS_MS + later
            clock.next()
            clock.observe(1)

    assert [entry["seconds"] for entry in logs] == [9 * TWO_DAYS_MS // 1000 - late for late in (0, 3_600, 0)]


def test_a_new_id_is_a_uuid_of_version_7() -> None:
    """An id holds 48 bits of milliseconds, its version and variant, and 74 random bits, in their places."""
    lowest = UUID(new_memory_id(lambda: 0x0123456789AB, lambda _: 0))
    highest = UUID(new_memory_id(lambda: 0x0123456789AB, lambda bits: (1 << bits) - 1))

    assert str(lowest) == "01234567-89ab-7000-8000-000000000000"
    assert str(highest) == "01234567-89ab-7fff-bfff-ffffffffffff"
    assert (lowest.version, highest.version) == (7, 7)


def test_the_id_of_an_edit_is_a_uuid_of_version_4() -> None:
    """It holds its version and variant, and 122 random bits, in their places."""
    lowest, highest = UUID(new_edit_id(lambda _: 0)), UUID(new_edit_id(lambda bits: (1 << bits) - 1))

    assert str(lowest) == "00000000-0000-4000-8000-000000000000"
    assert str(highest) == "ffffffff-ffff-4fff-bfff-ffffffffffff"
    assert (lowest.version, highest.version) == (4, 4)


def _only(bit: int, _bits: int) -> int:
    return 1 << bit


def test_each_random_bit_of_an_edit_has_its_place() -> None:
    """No two of them are one, and none is lost."""
    ids = {new_edit_id(lambda _: 0)} | {new_edit_id(partial(_only, bit)) for bit in range(122)}

    assert len(ids) == 123


def test_new_ids_sort_by_time() -> None:
    """An id of a later millisecond is greater as text, whatever its random bits."""
    earlier = new_memory_id(lambda: 1_700_000_000_000, lambda bits: (1 << bits) - 1)
    later = new_memory_id(lambda: 1_700_000_000_001, lambda _: 0)

    assert earlier < later


def test_new_ids_differ() -> None:
    """A thousand ids of one millisecond are a thousand ids."""
    assert len({new_memory_id(lambda: 1) for _ in range(1000)}) == 1000


def test_a_keyed_id_repeats() -> None:
    """The same scope gives the same UUIDv5; it is written down, since a change would store retried writes twice."""
    assert keyed_memory_id("caller", "user", "key", "0") == keyed_memory_id("caller", "user", "key", "0")
    assert keyed_memory_id("caller", "user", "key", "0") == "d6996eb1-47f4-50e4-a4d8-7c0c19e4513d"
    assert UUID(keyed_memory_id("caller")).version == 5


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
    st.lists(st.text(st.characters(exclude_categories=["Cs"]))),
)
def test_different_scopes_give_different_ids(one: list[str], other: list[str]) -> None:
    """No two different scopes share an id, however their parts would join."""
    assert (keyed_memory_id(*one) == keyed_memory_id(*other)) is (one == other)


def test_parts_of_a_scope_do_not_run_together() -> None:
    """Moving a character, a colon or a number from one part to the next gives another id."""
    scopes = [("a", "bc"), ("ab", "c"), ("abc",), ("abc", ""), ("1:a", ""), ("1:a",), ("a", "0:"), ("", "a")]

    assert len({keyed_memory_id(*scope) for scope in scopes}) == len(scopes)
