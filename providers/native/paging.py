"""Pages whose conditions an index on metadata may find: along the list as far as that pays, or else by the index.

Where many memories meet the conditions, a page is soon full along the list; where few do, the index leads to them, and
few are to be sorted. The planner cannot tell which it is: it keeps no samples of what memories say. So the nearest
memories are looked at first, which fills the page of most users, and tells how frequent the others are.
"""

from collections.abc import Sequence
from typing import Any

from sqlalchemy import Row

from providers.native.database import Database
from providers.native.listing import is_indexed, page_statement, walk_statement
from providers.types import PageQuery

NEAREST = 500  # memories that are looked at first
FARTHEST = 10_000  # memories along the list, at most
# If a share f of n memories meets the conditions, a page of k is full after k/f along the list, and the index leads to
# f*n. The first is less from f = sqrt(k/n) on; of so many memories of a user:
_OF = 100_000


async def page_rows(
    database: Database, query: PageQuery, nearest: int = NEAREST, farthest: int = FARTHEST
) -> Sequence[Row[Any]]:
    """Return the rows of a page, with `found` where it may exceed its bound in bytes."""
    if not database.leads or not is_indexed(query):
        return await database.bound_rows(page_statement(query, leads=database.leads))
    # What lies before an offset is met as well, and nobody knows how often: only a walk to its end tells.
    for most in (farthest,) if query.offset else (nearest, farthest):
        rows = await database.bound_rows(walk_statement(query, most))
        met = rows[0].met if rows else 0
        if met == query.limit or (rows and rows[0].walked < most):
            return rows
        if not is_frequent(met, query.limit, nearest):
            break
    return await database.bound_rows(page_statement(query))


def is_frequent(met: int, wanted: int, nearest: int = NEAREST) -> bool:
    """Return whether a page is sooner full along the list, where so many of the nearest memories belong on it."""
    return met * met * _OF >= wanted * nearest * nearest
