"""What was asked of this process since its start, counted by key, user and tenant."""

from collections import OrderedDict
from collections.abc import Iterator
from datetime import UTC, datetime
from heapq import nsmallest
from typing import Literal

from msgspec import Struct

from app.audit.audit import Audit
from observability.http import Record, Scope
from observability.notes import Deed, Notes
from providers.owners import Owner
from providers.wrapper import OperationName

By = Literal["key", "user", "tenant"]
BYS: tuple[By, ...] = ("key", "user", "tenant")
MOST_NAMES = 50_000  # of each; the one that asked longest ago is forgotten
_WRITES = frozenset(
    {
        OperationName.REMEMBER,
        OperationName.REMEMBER_MANY,
        OperationName.UPDATE,
        OperationName.UPDATE_MANY,
        OperationName.KEEP_VERSIONS,
    }
)
_DONE = frozenset({"ok", "accepted"})


class RequestCount(Struct):
    """How many requests somebody made, how many of them were refused, and the memories that the others have written."""

    requests: int = 0
    refused: int = 0
    written: int = 0


class RequestCounts:
    """Count requests at their end."""

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self._counts: dict[By, OrderedDict[str, RequestCount]] = {by: OrderedDict() for by in BYS}

    def record(self, scope: Scope, notes: Notes, method: str, route: str, status: int) -> None:  # noqa: ARG002 - a `Record`
        """Count a request that has ended."""
        refused = notes.refused is not None or notes.shed is not None
        written = sum(map(_written, notes.deeds or ()))
        for by, name in _names(notes):
            count = self._count(by, name)
            count.requests += 1
            count.refused += refused
            count.written += written

    def of(self, by: By, name: str) -> RequestCount:
        """Return the count of a name; zeros for one that has asked nothing."""
        return self._counts[by].get(name) or RequestCount()

    def names(self, by: By, limit: int, after: str) -> list[str]:
        """Return up to `limit` names that are greater than `after`, ascending."""
        return nsmallest(limit, (name for name in self._counts[by] if name > after))

    def _count(self, by: By, name: str) -> RequestCount:
        counts = self._counts[by]
        count = counts.get(name)
        if count is None:
            count = counts[name] = RequestCount()
            if len(counts) > MOST_NAMES:
                counts.popitem(last=False)
        else:
            counts.move_to_end(name)
        return count


def _names(notes: Notes) -> Iterator[tuple[By, str]]:
    if notes.caller is not None:
        yield "key", notes.caller
    for tenant, user in notes.owners:
        yield "user", Owner(user, tenant).key
    for tenant in dict.fromkeys(tenant for tenant, _ in notes.owners):
        yield "tenant", tenant


def _written(deed: Deed) -> int:
    return deed.count if deed.operation in _WRITES and deed.outcome in _DONE else 0


def recorded(counts: RequestCounts, audit: Audit | None) -> Record:
    """Return what is told of every request: the counts, and the audit if there is one."""
    if audit is None:
        return counts.record
    write = audit.record

    def record(scope: Scope, notes: Notes, method: str, route: str, status: int) -> None:
        counts.record(scope, notes, method, route, status)
        write(scope, notes, method, route, status)

    return record
