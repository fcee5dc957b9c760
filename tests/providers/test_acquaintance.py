"""When a store is not what it was any more, so that what was kept of it is to be forgotten."""

from typing import Any

import pytest
from msgspec.structs import replace

from providers.acquaintance import Acquaintance
from providers.introduction import Introduction, StoreMark

MARK = StoreMark(installation="i", journal="j", epoch=3, number=10, at=1.0)
KNOWN = Introduction(identity="a", lineage="1", mark=MARK)


class Keeper:
    """Counts how often it was told to forget."""

    def __init__(self, known: Introduction | None = None) -> None:
        self.forgotten = 0
        self.acquaintance = Acquaintance(self._forget)
        if known is not None:
            self.acquaintance.meet(known)

    def _forget(self) -> None:
        self.forgotten += 1


def test_nothing_is_forgotten_of_a_stranger() -> None:
    """Who is met for the first time is no other than before."""
    keeper = Keeper(KNOWN)
    Keeper().acquaintance.marked(MARK)

    assert keeper.forgotten == 0


@pytest.mark.parametrize(
    "now",
    [
        {},
        {"lineage": None},
        {"mark": replace(MARK, number=11)},
        {"mark": replace(MARK, number=9)},
        {"mark": replace(MARK, journal="another", pending=False)},
    ],
)
def test_the_same_store_goes_on(now: dict[str, Any]) -> None:
    """A number that grows, or that came late, is no other store; nor is a lineage that is not told."""
    keeper = Keeper(KNOWN)
    keeper.acquaintance.meet(replace(KNOWN, **now))

    assert keeper.forgotten == 0


@pytest.mark.parametrize(
    "now",
    [{"identity": "b"}, {"lineage": "2"}, {"mark": None}, {"mark": replace(MARK, epoch=4)}],
)
def test_another_store_or_another_epoch_is_a_new_beginning(now: dict[str, Any]) -> None:
    """It is forgotten once, and then the new state is the known one."""
    keeper = Keeper(KNOWN)
    for _ in range(2):
        keeper.acquaintance.meet(replace(KNOWN, **now))

    assert keeper.forgotten == 1


@pytest.mark.parametrize(("epoch", "forgotten"), [(3, 0), (4, 1)])
def test_a_mark_that_was_left_is_known(epoch: int, forgotten: int) -> None:
    """Who begins a new epoch of a store knows no longer what was there."""
    keeper = Keeper(KNOWN)
    left = replace(MARK, epoch=epoch, number=11)
    keeper.acquaintance.marked(left)
    keeper.acquaintance.meet(replace(KNOWN, mark=left))

    assert keeper.forgotten == forgotten


def test_the_first_mark_is_no_new_beginning() -> None:
    """A store that is marked for the first time keeps what it has."""
    keeper = Keeper(replace(KNOWN, mark=None))
    keeper.acquaintance.meet(KNOWN)

    assert keeper.forgotten == 0
