"""Frequencies: never fewer recalls than there were of late, and none of those that are long ago."""

from collections import Counter

from providers.owners import Owner
from providers.search.recall_index.frequencies import Frequencies


def test_recalls_are_counted_by_owner() -> None:
    """Never too low; too high only where all of an owner's places are those of others as well."""
    frequencies = Frequencies()
    owners = [Owner(f"user{number}") for number in range(200)]
    asked = [owners[number * number % 200] for number in range(999)]
    for owner in asked:
        frequencies.add(owner, owners=0)

    assert {owner: frequencies.of(owner) for owner in owners} == {owner: Counter(asked)[owner] for owner in owners}
    assert frequencies.of(Owner("nobody")) == 0


def test_counts_are_halved_from_time_to_time() -> None:
    """After ten recalls of each owner, and after 1,000 at the earliest."""
    few, many = Frequencies(), Frequencies()
    often, else_ = Owner("often"), [Owner(f"user{number}") for number in range(40)]
    for _ in range(20):
        few.add(often, owners=100)
        many.add(often, owners=101)
    for number in range(979):
        few.add(else_[number % 40], owners=100)
        many.add(else_[number % 40], owners=101)
    assert (few.of(often), many.of(often)) == (20, 20)
    few.add(else_[0], owners=100)
    many.add(else_[0], owners=101)
    assert (few.of(often), many.of(often)) == (10, 20)


def test_a_count_ends_at_its_most() -> None:
    """One byte holds it."""
    frequencies = Frequencies()
    for _ in range(300):
        frequencies.add(Owner("often"), owners=1_000)
    assert frequencies.of(Owner("often")) == 255
