"""What was asked of this process since its start, counted by key, user and tenant."""

from collections import OrderedDict
from datetime import UTC, datetime
from secrets import token_bytes

from app.audit.audit import Audit
from app.usage.sharing import hashed
from app.usage.totals import BYS, MOST_NAMES, By, RequestCount, SavedCounts
from observability.http import Record, Scope
from observability.notes import Deed, Notes
from providers.owners import Owner
from providers.wrapper import OperationName

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
_KEY_BYTES = 32


class RequestCounts:
    """Count requests at their end.

    Users are counted under a keyed hash of their names: the counts outlive the process, and may outlive a user. Another
    `key` than at first is set before the first request.
    """

    def __init__(self) -> None:
        self.since = datetime.now(UTC)
        self.key = token_bytes(_KEY_BYTES)
        self.changes = 0  # which tells whether there is anything to save
        self._counts: dict[By, OrderedDict[str, RequestCount]] = {by: OrderedDict() for by in BYS}

    def record(self, scope: Scope, notes: Notes, method: str, route: str, status: int) -> None:  # noqa: ARG002 - a `Record`
        """Count a request that has ended."""
        refused = notes.refused is not None or notes.shed is not None
        written = sum(map(_written, notes.deeds or ()))
        for by, name in self._names(notes):
            count = self._count(by, name)
            count.requests += 1
            count.refused += refused
            count.written += written
        self.changes += 1

    def hashed(self, owner: Owner) -> str:
        """Return the name under which a user is counted."""
        return hashed(owner, self.key)

    def taken(self) -> SavedCounts:
        """Return what was counted so far; its counts may grow until they are read."""
        return SavedCounts(self.since, {by: dict(counts) for by, counts in self._counts.items()})

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

    def _names(self, notes: Notes) -> list[tuple[By, str]]:
        names: list[tuple[By, str]] = [] if notes.caller is None else [("key", notes.caller)]
        names += [("user", self.hashed(Owner(user, tenant))) for tenant, user in notes.owners]
        names += [("tenant", tenant) for tenant in dict.fromkeys([tenant for tenant, _ in notes.owners])]
        return names


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
