"""What changes is told at once; what flaps is told when it is steady, and rarely before."""

import pytest

from providers.chain.reporting.damping import (
    MAX_REPORTS,
    REMINDER_SECONDS,
    STEADY_SECONDS,
    WINDOW_SECONDS,
    Condition,
    DampedState,
    StateChange,
)
from tests.support.clock import START, FakeClock

HEALTHY, UNHEALTHY = Condition.HEALTHY, Condition.UNHEALTHY


class Flapping:
    """Something on a clock, and what is told of it."""

    def __init__(self) -> None:
        self.clock = FakeClock()
        self.damped = DampedState(HEALTHY, self.clock)
        self.told: list[StateChange] = []

    def change(self, times: int = 1, every: float = 1.0) -> None:
        """StateChange so many times."""
        for _ in range(times):
            self.clock.pass_by(every)
            self._note(self.damped.change(UNHEALTHY if self.damped.state is HEALTHY else HEALTHY))

    def look(self, seconds: float) -> None:
        """Let time pass, with a look each second."""
        for _ in range(int(seconds)):
            self.clock.pass_by(1.0)
            self._note(self.damped.due())

    def _note(self, change: StateChange | None) -> None:
        if change is not None:
            self.told.append(change)


def test_a_change_is_told_at_once() -> None:
    """With the moments at which it and what was before began."""
    thing = Flapping()
    thing.change()
    thing.change(every=30.0)

    assert thing.told == [StateChange(START + 1, START, 1), StateChange(START + 31, START + 1, 1)]


def test_what_is_as_it_was_is_no_change() -> None:
    """Nothing is told, however often it is said."""
    thing = Flapping()

    assert [thing.damped.change(HEALTHY) for _ in range(3)] == [None] * 3
    assert thing.damped.due() is None


def test_a_change_may_have_begun_before() -> None:
    """The moment that is given counts, not that at which it was found out."""
    thing = Flapping()
    thing.clock.pass_by(10)

    assert thing.damped.change(UNHEALTHY, START + 7) == StateChange(START + 7, START, 1)


@pytest.mark.parametrize(("turns", "lines"), [(MAX_REPORTS, MAX_REPORTS), (MAX_REPORTS + 1, MAX_REPORTS)])
def test_so_many_are_told_as_they_happen(turns: int, lines: int) -> None:
    """The one after them waits."""
    thing = Flapping()
    thing.change(turns)

    assert (len(thing.told), thing.damped.flapping) == (lines, turns > MAX_REPORTS)


def test_flapping_does_not_flood() -> None:
    """An hour of changes, one each second, is the first lines and a reminder every ten minutes."""
    thing = Flapping()
    thing.change(3_600)

    assert len(thing.told) == MAX_REPORTS + 3_600 // int(REMINDER_SECONDS) - 1
    assert sum(change.changes for change in thing.told) <= 3_600
    assert thing.told[MAX_REPORTS].changes == REMINDER_SECONDS


@pytest.mark.parametrize("turns", [7, 8])
def test_it_is_told_how_it_settled(turns: int) -> None:
    """Once, also where it is as it was told last, with how often it came and went."""
    thing = Flapping()
    thing.change(turns)
    thing.look(STEADY_SECONDS - 1)
    assert len(thing.told) == MAX_REPORTS

    thing.look(10 * STEADY_SECONDS)
    assert thing.told[MAX_REPORTS:] == [StateChange(START + turns, START + MAX_REPORTS, turns - MAX_REPORTS)]


def test_after_the_window_all_is_told_again() -> None:
    """Flapping is forgotten, and a new outage is told at once."""
    thing = Flapping()
    thing.change(MAX_REPORTS)
    thing.clock.pass_by(WINDOW_SECONDS)
    thing.change()

    assert len(thing.told) == MAX_REPORTS + 1


def test_what_somebody_else_tells_is_not_told() -> None:
    """It is only known."""
    thing = Flapping()
    thing.damped.settle(UNHEALTHY)

    assert (thing.damped.due(), thing.damped.change(UNHEALTHY), thing.damped.state) == (None, None, UNHEALTHY)
