"""Which memories of an index may be answers to a query."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import NDArray

from providers.search.user_index import UserIndex, microseconds
from providers.timing.turns import Turns
from providers.types import MemoryRecord, RecallQuery

Mask = NDArray[np.bool_]


async def admitted(index: UserIndex, query: RecallQuery, records: Mapping[str, MemoryRecord]) -> Mask | None:
    """Return for each row of the index whether the query admits its memory, None if it admits all.

    Conditions on metadata and labels take turns of the event loop, in which memories may come, go and change; what
    comes meanwhile is looked at last, without a turn.
    """
    if not (query.conditional or index.mortal):
        return None
    mask = np.empty(0, np.bool_)
    turns, moves = Turns(), -1
    while moves != index.moves:  # rows have other numbers after a move
        moves = index.moves
        mask = within(index, query)
        if not query.of_contents:
            break
        for row in np.flatnonzero(mask & index.columns.alive).tolist():
            if index.columns.alive[row]:
                mask[row] = _admits(index, query, records, row)
            await turns.take()
            if moves != index.moves:
                break
    later = len(index.columns) - len(mask)
    if later:
        mask = np.append(mask, within(index, query)[len(mask) :])
        for row in range(len(mask) - later, len(mask)):
            mask[row] = mask[row] and index.columns.alive[row] and _admits(index, query, records, row)
    return mask


def within(index: UserIndex, query: RecallQuery) -> Mask:
    """Return for each row whether it meets the conditions on moments and ids, and has not expired."""
    created = index.columns.created
    mask = np.ones(len(created), np.bool_)
    if query.created_from is not None:
        mask &= created >= microseconds(query.created_from)
    if query.created_before is not None:
        mask &= created < microseconds(query.created_before)
    if query.now is not None and index.mortal:
        mask &= index.columns.expires > microseconds(query.now)
    for memory_id in query.without:
        row = index.row_of(memory_id)
        if row is not None:
            mask[row] = False
    return mask


def _admits(index: UserIndex, query: RecallQuery, records: Mapping[str, MemoryRecord], row: int) -> bool:
    record = records.get(index.columns.id_of(row))
    return record is not None and query.admits(record)
