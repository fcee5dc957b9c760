"""The values of a journal: operations, who has not confirmed them, and what became of their deliveries."""

from enum import StrEnum

from msgspec import Struct

from providers.errors import Rejected
from providers.types import Snapshot


class OperationKind(StrEnum):
    """What an operation does to a memory."""

    REMEMBER = "remember"
    UPDATE = "update"
    DELETE = "delete"


class Operation(Struct, frozen=True, kw_only=True):
    """One write: `state` is the memory as it shall be, whole, so that operations can be applied in any order.

    The state of a deletion is a tombstone. An update was made from the memory at `base_version`. A deletion that is a
    `trace` found for certain that no provider has the memory or its tombstone: none of them need hear of it.
    """

    kind: OperationKind
    state: Snapshot
    base_version: int = 0
    trace: bool = False


class Loan(Struct, frozen=True):
    """Which memory's delivery was lent, and the moment at which it would come back, in seconds since 1970."""

    user_id: str
    memory_id: str
    until: float


class Entry(Struct, frozen=True, kw_only=True):
    """What the journal knows of a memory: the state its newest operation brings about.

    `pending` are the providers that have not confirmed it, those with a dead letter included. `loan` is that of the
    delivery which was lent to whoever appended this, None in every other answer.
    """

    seq: int
    kind: OperationKind
    state: Snapshot
    pending: frozenset[str]
    loan: Loan | None = None


class Appended(Struct, frozen=True, kw_only=True):
    """An operation is durable in the journal.

    `repeated`: it was there before, and nothing was appended; `entry` is then the memory's newest. `former` is the
    state that the journal knew before, None if it knew nothing (any more).
    """

    entry: Entry
    repeated: bool = False
    former: Snapshot | None = None


class OutOfDate(Rejected):
    """The journal knows a newer version of the memory than the one that an update was made from."""

    outcome = "out_of_date"


class Delivery(Struct, frozen=True, kw_only=True):
    """An operation that one provider has not confirmed, lent to a deliverer for a while.

    `failures` counts those that told against the operation; `failed_at` is the moment of the last one of any kind, in
    seconds since 1970, 0 if there was none. It was appended at `appended_at` and comes back at `until`, both in seconds
    since 1970, and all by the journal's clock.
    """

    seq: int
    provider: str
    kind: OperationKind
    state: Snapshot
    appended_at: float
    until: float
    failures: int = 0
    failed_at: float = 0.0

    @property
    def loan(self) -> Loan:
        """What a settlement or a renewal is to say of it."""
        return Loan(self.state.user_id, self.state.id, self.until)


class _Settled(Struct, frozen=True, kw_only=True):
    """What became of a delivery; if it was lent, `loan` is what frees whatever has replaced it meanwhile."""

    seq: int
    provider: str
    loan: Loan | None = None


class Done(_Settled, frozen=True, kw_only=True):
    """The provider has confirmed."""


class Postponed(_Settled, frozen=True, kw_only=True):
    """To be tried again in `delay` seconds; `counts` tells whether the failure told against the operation itself."""

    delay: float
    error: str = ""
    counts: bool = False


class Dead(_Settled, frozen=True, kw_only=True):
    """Not to be tried again until an operator says so."""

    error: str


Settlement = Done | Postponed | Dead


class DeadLetter(Struct, frozen=True, kw_only=True):
    """A delivery given up: `appended_at` and `failed_at` are seconds since 1970; the memory's text is not shown."""

    seq: int
    provider: str
    kind: OperationKind
    user_id: str
    memory_id: str
    error: str
    failures: int
    appended_at: float
    failed_at: float


class PendingDelivery(Struct, frozen=True, kw_only=True):
    """A delivery still to be made, or under way: all moments are seconds since 1970; the text is not shown.

    `due_at` is when it is made, or made again; `error` is that of the last failure, empty if there was none.
    """

    seq: int
    provider: str
    kind: OperationKind
    user_id: str
    memory_id: str
    error: str
    failures: int
    appended_at: float
    due_at: float


class Backlog(Struct, frozen=True, kw_only=True):
    """What one provider has not confirmed; `oldest_seconds` is the age of the oldest pending delivery, 0 if none."""

    provider: str
    pending: int
    dead: int
    oldest_seconds: float


class JournalStatus(Struct, frozen=True, kw_only=True):
    """A journal in numbers; `backlogs` has one for each member."""

    operations: int
    tombstones: int
    last_seq: int
    backlogs: tuple[Backlog, ...]


class MemberState(StrEnum):
    """Whether a provider has received everything, and may answer reads."""

    COMPLETE = "complete"
    FILLING = "filling"


class Member(Struct, frozen=True, kw_only=True):
    """A provider that gets every write.

    `identity` is that of its store, None while it has never been reached. `copied` and `copied_users` count what has
    been filled in so far; `fill_after` is the last user who is filled in whole; `joined_at` is seconds since 1970.
    """

    name: str
    identity: str | None
    state: MemberState
    joined_at: float
    copied: int = 0
    copied_users: int = 0
    fill_after: str | None = None
