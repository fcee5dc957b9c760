"""What heads an owner: which changes are known behind a position, and which are not."""

from providers.opensearch.heads import MOST_LOGGED, Logged, OwnerHead


def one(_bits: int) -> int:
    """The chance of these tests."""
    return 1


def test_changes_are_told_behind_the_position_that_was_seen() -> None:
    """Those of one write together, in the order of the writes."""
    first = OwnerHead.first()
    second = first.after([("a", -1), ("b", -1)], one)
    third = second.after([("a", 5)], one)

    assert third.since(third.position) == ()
    assert third.since(second.position) == [Logged(third.position, "a", 5)]
    assert [entry.memory_id for entry in third.since(first.position) or ()] == ["a", "b", "a"]
    assert third.last_before(third.position) == second.position
    assert third.last_before(second.position) == first.position


def test_a_position_that_is_no_longer_known_is_of_nobody() -> None:
    """The changes of one write stay together: one of them is not forgotten without the others."""
    head = OwnerHead.first()
    begun = head.after([("x", -1), ("y", -1)], one)
    full = begun.after([(str(number), -1) for number in range(MOST_LOGGED - 1)], one)

    assert begun.since(head.position) is not None
    assert full.since(head.position) is None
    assert full.begins == begun.position
    assert len(full.since(begun.position) or ()) == MOST_LOGGED - 1


def test_as_many_as_there_is_room_for_are_kept() -> None:
    """And with one more those before it are gone."""
    head = OwnerHead.first()
    full = head.after([(str(number), -1) for number in range(MOST_LOGGED)], one)
    more = full.after([("more", -1)], one)

    assert len(full.since(head.position) or ()) == MOST_LOGGED
    assert more.since(head.position) is None
    assert more.since(full.position) == [Logged(more.position, "more", -1)]


def test_a_head_that_was_put_back_goes_on_differently() -> None:
    """A position of the history that was lost is none of the new one, although as much was written since."""
    head = OwnerHead.first()
    lost, new = head.after([("a", -1)], lambda _: 7), head.after([("b", -1)], lambda _: 8)

    assert new.since(lost.position) is None
    assert new.since(head.position) == [Logged(new.position, "b", -1)]
