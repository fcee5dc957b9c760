"""Counts of requests as values that are saved, read and added up."""

from collections.abc import Iterable
from datetime import datetime
from heapq import nsmallest
from typing import Literal

from msgspec import Struct

By = Literal["key", "user", "tenant"]
BYS: tuple[By, ...] = ("key", "user", "tenant")
MOST_NAMES = 50_000  # of each; the one that asked longest ago is forgotten


class RequestCount(Struct, array_like=True):
    """How many requests somebody made, how many of them were refused, and the memories that the others have written."""

    requests: int = 0
    refused: int = 0
    written: int = 0


class SavedCounts(Struct, array_like=True):
    """Counts since a moment, by name; `of` names the processes that they are the sum of, if there are several."""

    since: datetime
    counts: dict[By, dict[str, RequestCount]]
    of: list[str] = []

    def of_name(self, by: By, name: str) -> RequestCount:
        """Return the count of a name; zeros for one that has asked nothing."""
        return self.counts[by].get(name) or RequestCount()

    def names(self, by: By, limit: int, after: str) -> list[str]:
        """Return up to `limit` names that are greater than `after`, ascending."""
        return nsmallest(limit, (name for name in self.counts[by] if name > after))


def added(parts: Iterable[SavedCounts], since: datetime) -> SavedCounts:
    """Return the sum of counts since the first of all, at the latest `since`, with the names of the last parts."""
    counts: dict[By, dict[str, RequestCount]] = {by: {} for by in BYS}
    for part in parts:
        since = min(since, part.since)
        for by in BYS:
            into = counts[by]
            for name, one in part.counts.get(by, {}).items():
                known = into.pop(name, None) or RequestCount()
                into[name] = RequestCount(
                    known.requests + one.requests, known.refused + one.refused, known.written + one.written
                )
    for into in counts.values():
        for name in [*into][: max(0, len(into) - MOST_NAMES)]:
            del into[name]
    return SavedCounts(since, counts)
