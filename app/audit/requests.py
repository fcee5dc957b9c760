"""What requests leave in the audit: an entry each, several where very many memories were concerned, or one together."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from msgspec import Struct, structs

from app.audit.entries import MAX_MEMORIES, AuditedOwner, AuditEntry
from observability.notes import Notes


class Ended(Struct, frozen=True):
    """Hold a request that has ended; `at` is in seconds since 1970."""

    at: float
    notes: Notes
    client: str | None
    method: str
    route: str
    status: int

    @property
    def kind(self) -> tuple[object, ...]:
        """What requests have in common that share an entry."""
        notes = self.notes
        return self.client, self.method, self.route, self.status, notes.caller, notes.refused, tuple(notes.owners)


def entries_of(requests: Iterable[Ended]) -> Iterator[AuditEntry]:
    """Yield the entries of requests, without their numbers.

    Requests that did nothing and ended in the same way share one: who tries a thousand keys cannot fill the disk.
    """
    together: dict[tuple[object, ...], int] = {}
    found: list[AuditEntry] = []
    for request in requests:
        if not request.notes.deeds:
            place = together.setdefault(request.kind, len(found))
            if place < len(found):
                found[place] = structs.replace(found[place], times=found[place].times + 1)
                continue
        found += _parts(request)
    yield from found


def moment(seconds: float) -> str:
    """Return a moment as entries have it, in UTC with milliseconds."""
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds")


def _parts(request: Ended) -> Iterator[AuditEntry]:
    notes = request.notes
    memories = list(notes.memories or ())
    whole = AuditEntry(
        seq=0,
        at=moment(request.at),
        request=notes.request_id,
        caller=notes.caller,
        client=request.client,
        method=request.method,
        route=request.route,
        status=request.status,
        owners=[AuditedOwner(user, tenant) for tenant, user in notes.owners],
        deeds=list(notes.deeds or ()),
        memories=memories[:MAX_MEMORIES],
        refused=notes.refused,
    )
    yield whole
    for begin in range(MAX_MEMORIES, len(memories), MAX_MEMORIES):
        yield structs.replace(whole, deeds=[], memories=memories[begin : begin + MAX_MEMORIES])
