"""Quarantines: rules that hide what a key wrote, as values that processes and hosts merge in any order."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from hashlib import blake2b

from msgspec import Struct
from msgspec.structs import replace

from providers.owners import Owner
from providers.source import WriterWindow, WriteSource
from providers.types import MemoryRecord, Snapshot

MAX_QUARANTINES = 50  # in force at a time: each is a condition of every list
_DIGEST_BYTES = 8
FORGOTTEN_AFTER = timedelta(days=30)  # a lifted one; who missed that for longer puts it in force again, and hides


class Quarantine(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Hide the memories whose newest state was written by a key, or a caller, from `since` on, and before `until`.

    Without `until` it goes on until it is lifted. With `user` it is about that user of `tenant` alone, else about
    everybody. Who has set it, when and why is for people; `lifted_at` ends it for good.
    """

    id: str
    since: datetime
    key: str | None = None
    caller: str | None = None
    until: datetime | None = None
    user: str | None = None
    tenant: str | None = None
    reason: str = ""
    set_by: str = ""
    set_at: datetime
    lifted_by: str | None = None
    lifted_at: datetime | None = None

    @property
    def written(self) -> WriterWindow:
        """The writes that it hides."""
        return WriterWindow(key=self.key, caller=self.caller, since=self.since, until=self.until)

    def concerns(self, owner: Owner) -> bool:
        """Return whether it is about memories of an owner."""
        return self.user is None or (self.user == owner.user and self.tenant in {None, owner.tenant})


class Quarantines(Struct, frozen=True):
    """Hold quarantines by age; those that were lifted stay for a while, so that nobody puts them in force again."""

    all: tuple[Quarantine, ...] = ()

    @property
    def active(self) -> tuple[Quarantine, ...]:
        """Those that are in force."""
        return tuple(one for one in self.all if one.lifted_at is None)

    def digest(self, told: Callable[[Quarantine], bool]) -> str:
        """Return what stands for those in force that somebody is told of, "" for none."""
        ids = sorted(one.id for one in self.active if told(one))
        return blake2b("/".join(ids).encode(), digest_size=_DIGEST_BYTES).hexdigest() if ids else ""

    def of(self, owner: Owner) -> tuple[Quarantine, ...]:
        """Return those in force that are about an owner's memories."""
        return tuple(one for one in self.active if one.concerns(owner))

    def hiding(self, owner: Owner, source: WriteSource | None) -> Quarantine | None:
        """Return the quarantine that hides what a source wrote for an owner, None if readers see it."""
        return next((one for one in self.of(owner) if one.written.admits(source)), None)

    def hides(self, memory: MemoryRecord | Snapshot) -> bool:
        """Return whether a memory is in quarantine."""
        return self.hiding(memory.owner, memory.source) is not None

    def with_(self, new: Quarantine) -> "Quarantines":
        """Return these and a new one, or another state of one of them."""
        return self.merged(Quarantines((new,)))

    def lifted(self, quarantine_id: str, by: str, at: datetime) -> "Quarantines":
        """Return these with one lifted; the same where none of that id is in force."""
        return Quarantines(
            tuple(
                replace(one, lifted_by=by, lifted_at=at) if one.id == quarantine_id and one.lifted_at is None else one
                for one in self.all
            )
        )

    def merged(self, other: "Quarantines") -> "Quarantines":
        """Return all of both; one that either has lifted is lifted."""
        known: dict[str, Quarantine] = {}
        for one in (*self.all, *other.all):
            known[one.id] = _merged(known.get(one.id, one), one)
        return Quarantines(tuple(sorted(known.values(), key=lambda one: (one.set_at, one.id))))

    def since(self, now: datetime) -> "Quarantines":
        """Return these without those that were lifted long ago."""
        kept: Iterable[Quarantine] = (
            one for one in self.all if one.lifted_at is None or now - one.lifted_at < FORGOTTEN_AFTER
        )
        return Quarantines(tuple(kept))


def _merged(one: Quarantine, other: Quarantine) -> Quarantine:
    """Return one state of a quarantine out of two: the one that was lifted first, if any was."""
    lifted = [state for state in (one, other) if state.lifted_at is not None]
    return min(lifted, key=lambda state: (state.lifted_at, state.lifted_by), default=one)
