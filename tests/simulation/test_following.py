"""What counts as lost when stores were put back."""

from providers.types import Snapshot
from tests.simulation.following import lost_between
from tests.support.states import live, tombstone

_OLD = live("kannan", "tea", 1)
_NEW = live("kannan", "coffee", 2, id=_OLD.id)
_DELETED = tombstone(_OLD, 3)


def _lost(before: Snapshot, after: Snapshot | None, now: Snapshot | None) -> list[Snapshot | None]:
    def inventory(state: Snapshot | None) -> dict[str, Snapshot]:
        return {} if state is None else {state.id: state}

    return list(lost_between(inventory(before), inventory(after), inventory(now)).values())


def test_what_nobody_holds_any_more_or_only_as_it_was_is_lost() -> None:
    """What is left of it is told."""
    assert _lost(_OLD, None, None) == [None]
    assert _lost(_NEW, _OLD, _OLD) == [_OLD]
    assert _lost(_NEW, _NEW, _NEW) == []


def test_a_deletion_is_lost_where_somebody_holds_the_memory() -> None:
    """If it was carried out once more in stores that remember no deletion, it is not."""
    assert _lost(_DELETED, _OLD, _OLD) == [_OLD]
    assert _lost(_DELETED, _OLD, None) == []
    assert _lost(_DELETED, _DELETED, _DELETED) == []
