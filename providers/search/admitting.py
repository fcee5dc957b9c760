"""Which memories of an index may be answers to a query."""

from collections.abc import Generator

import numpy as np
from msgspec import Struct
from numpy.typing import NDArray

from providers.search.content_conditions import content_steps
from providers.search.field_table import FieldTable
from providers.search.moments import microseconds
from providers.search.user_index import UserIndex
from providers.timing.alone import stepwise, whole
from providers.types import Conditions

Mask = NDArray[np.bool_]

_TRIES = 3  # to judge all memories in turns, in which rows may get other numbers; then it is done without turns


class Met(Struct, frozen=True):
    """Which of the first rows of an index meet the conditions on contents, while it has been moved so often."""

    mask: Mask
    moves: int


async def met_by(index: UserIndex, conditions: Conditions) -> Met | None:
    """Judge what an index holds by the conditions on contents, in turns of the event loop; None without any.

    Memories may come, go and change in these turns: `mask_of` looks at what came.
    """
    if not conditions.of_contents:
        return None
    for _ in range(_TRIES):
        moves = index.moves
        mask = await stepwise(_while_in_place(index, conditions))
        if mask is not None:
            return Met(mask, moves)
    return None


def _while_in_place(index: UserIndex, conditions: Conditions) -> Generator[None, None, Mask | None]:
    """Return the rows that meet the conditions at last, None if rows have got other numbers before."""
    moves = index.moves
    steps = content_steps(index, conditions, index.spare.fields, 0, len(index.columns))
    while True:
        try:
            next(steps)
        except StopIteration as end:
            mask: Mask = end.value
            return mask
        yield
        if moves != index.moves:
            return None


def mask_of(index: UserIndex, conditions: Conditions, met: Met | None) -> Mask | None:
    """Return for each row of the index as it is whether its memory meets all conditions, None if all of them do.

    `met` is of this index, or of the one that it is a copy of.
    """
    if not (conditions.conditional or index.mortal):
        return None
    mask = _within(index, conditions)
    if conditions.of_contents:
        judged = met.mask if met is not None and met.moves == index.moves else np.empty(0, np.bool_)
        steps = content_steps(index, conditions, FieldTable(), len(judged), len(mask))
        mask &= np.concatenate((judged, whole(steps)))
    return mask


async def admitted(index: UserIndex, conditions: Conditions) -> Mask | None:
    """Return for each row of the index as it is whether its memory meets all conditions, None if all of them do."""
    return mask_of(index, conditions, await met_by(index, conditions))


def _within(index: UserIndex, conditions: Conditions) -> Mask:
    """Return for each row whether it meets the conditions on moments and ids, and has not expired."""
    created = index.columns.created
    mask = np.ones(len(created), np.bool_)
    if conditions.created_from is not None:
        mask &= created >= microseconds(conditions.created_from)
    if conditions.created_before is not None:
        mask &= created < microseconds(conditions.created_before)
    if conditions.now is not None and index.mortal:
        mask &= index.columns.expires > microseconds(conditions.now)
    for memory_id in conditions.without:
        row = index.row_of(memory_id)
        if row is not None:
            mask[row] = False
    return mask
