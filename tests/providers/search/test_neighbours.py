"""Neighbours: what they lend does not go by the numbers that rows happen to have."""

from datetime import UTC, datetime, timedelta
from random import Random
from uuid import UUID

import numpy as np
import pytest

from providers.search.entries import Entry
from providers.search.neighbours import Adjacent, Pairs
from providers.search.user_index import UserIndex
from tests.support.packed import packed

START = datetime(2026, 3, 1, tzinfo=UTC)
COUNT = 12


def entries(sessions: int) -> list[Entry]:
    """Memories in the order of their moments, in so many sessions, with a long gap; some are of the same moment."""
    return [
        Entry(
            id=str(UUID(int=number + 1)),
            version=number + 1,
            first_version=number + 1,
            created_at=START + timedelta(minutes=10 * (number // 2), days=number // 7),
            content=f"tea {number}",
            session=f"session {number % sessions}" if sessions else None,
        )
        for number in range(COUNT)
    ]


def lent(index: UserIndex) -> dict[str, list[float]]:
    """What each memory is lent by those one and two steps away, by its id."""
    columns = index.columns
    alive = np.flatnonzero(columns.alive).tolist()
    above = np.zeros(len(columns), np.float32)
    above[alive] = [1.5 ** UUID(columns.id_of(row)).int for row in alive]
    steps = []
    for step in index.steps():
        given = np.zeros(len(columns), np.float32)
        step.lend(0.25, above, given)
        steps.append(given)
    return {columns.id_of(row): [float(given[row]) for given in steps] for row in alive}


@pytest.mark.parametrize("sessions", [0, 1, 2, 3])
@pytest.mark.parametrize("gone", [(), (0,), (COUNT - 1,), (4, 5, 9)])
def test_rows_in_any_order_lend_the_same(sessions: int, gone: tuple[int, ...]) -> None:
    """Stored in order, loaded at once in order, and in disorder, with memories that are gone."""
    memories = entries(sessions)
    shuffled = Random(1).sample(memories, COUNT)  # noqa: S311 - an order, and no secret
    in_order, at_once, in_disorder = UserIndex(), UserIndex.of(packed(memories)), UserIndex.of(packed(shuffled))
    for memory in memories:
        in_order.put(memory)
    found = []
    for index in (in_order, at_once, in_disorder):
        for number in gone:
            index.remove(memories[number].id)
        found.append(lent(index))

    assert found[0] == found[1] == found[2]
    assert any(any(values) for values in found[0].values())


def test_the_shorter_form_is_that_of_rows_next_to_each_other() -> None:
    """One sequence in order has it, two that alternate have not."""
    alone, alternating = UserIndex.of(packed(entries(1))), UserIndex.of(packed(entries(2)))

    assert [type(step) for step in alone.steps()] == [Adjacent, Adjacent]
    assert [type(step) for step in alternating.steps()] == [Pairs, Pairs]
    assert sum(step.nbytes for step in alone.steps()) < sum(step.nbytes for step in alternating.steps())


@pytest.mark.parametrize("count", [0, 1, 2])
def test_very_few_have_no_neighbours_beyond_the_first(count: int) -> None:
    """With two there is one pair, one step apart."""
    index = UserIndex.of(packed(entries(1)[:count]))

    lonely = [[0.0, 0.0]] * count
    assert list(lent(index).values()) == (lonely if count < 2 else [[0.5625, 0.0], [0.375, 0.0]])
