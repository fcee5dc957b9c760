"""Planes of vectors: every half is widened exactly, and halves give the planes that floats give."""

import numpy as np
import pytest

from providers.search.vector_planes import VectorPlanes, widened

DIMS = 8


def test_every_finite_half_is_widened_exactly() -> None:
    """Both zeros, and the smallest ones as well."""
    halves = np.arange(1 << 16, dtype=np.uint16).view(np.float16)
    finite = halves[np.isfinite(halves)]

    assert widened(finite).view(np.uint32).tolist() == finite.astype(np.float32).view(np.uint32).tolist()


@pytest.mark.parametrize("rows", [[], [0, 1, 2, 3], [0, 1, 3], [1, 2, 3], [5, 9]])
def test_the_rows_that_have_a_vector_are_told_with_its_place(rows: list[int]) -> None:
    """Also where every row up to the last has one, and others are asked for."""
    planes = VectorPlanes(DIMS)
    planes.add(np.eye(len(rows), DIMS, dtype=np.float32), np.array(rows, np.int64))

    for asked in ([], rows, rows[::-1], [3, 0], [0, 4], [9, 12]):
        there, places = planes.placed(np.array(asked, np.int64))
        assert dict(zip(there.tolist(), places.tolist(), strict=True)) == {
            row: rows.index(row) for row in asked if row in rows
        }


@pytest.mark.parametrize("count", [1, 8_192, 8_193])
def test_halves_give_the_same_planes_as_floats(count: int) -> None:
    """In one chunk, and where another one begins; zeros of either sign are left out."""
    halves = np.random.default_rng(1).normal(size=(count + 2, DIMS)).astype(np.float16)
    halves[0], halves[-1] = 0.0, -0.0
    rows = np.arange(count + 2)
    by_halves, by_floats = VectorPlanes(DIMS, room=count), VectorPlanes(DIMS)
    by_halves.add_directions(halves, rows)
    by_floats.add_directions(halves.astype(np.float32), rows)

    assert by_halves.rows.tolist() == rows[1:-1].tolist() == by_floats.rows.tolist()
    places = np.arange(count)
    assert np.array_equal(by_halves.of(places), by_floats.of(places))
    assert np.abs(by_halves.of(places) - halves[1:-1].astype(np.float32)).max() < 1e-3
    assert by_halves.nbytes <= by_floats.nbytes


def test_when_no_vector_is_left_no_row_has_one() -> None:
    """Rows that were dropped leave none behind, while memories without a vector are still ranked."""
    planes = VectorPlanes(4)
    planes.add(np.eye(4, dtype=np.float32)[:2], np.array([0, 1]))
    planes.renumber(np.array([-1, -1, 0]))

    rows, places = planes.placed(np.array([0]))

    assert (len(planes), rows.tolist(), places.tolist()) == (0, [], [])
