"""The values of a journal: operations, their deliveries, the results of those, and the members."""

from enum import StrEnum

from msgspec import UNSET, Struct, UnsetType

from providers.errors import Conflict, MemoryDeleted, Rejected
from providers.owners import Owner
from providers.types import Snapshot

HELD = "held"  # in the place of an error: the provider has taken the operation, but may not show it yet


class OperationKind(StrEnum):
    """The effect of an operation on a memory."""

    REMEMBER = "remember"
    UPDATE = "update"
    DELETE = "delete"


class Operation(Struct, frozen=True, kw_only=True):
    """One write; its `state` is the whole new state of the memory, so that operations can be applied in any order.

    The state of a deletion is a tombstone. An update was made from the memory at `base_version`, and a deletion that
    has one deletes that version alone; `edit_id` is that of the edit, if it has one, and `older_edits` are the edits of
    that memory that the new state has no room for. A deletion is a `trace` if it is certain that no provider has the
    memory or its tombstone, so that none of them needs a delivery.
    """

    kind: OperationKind
    state: Snapshot
    base_version: int = 0
    trace: bool = False
    edit_id: str | None = None
    older_edits: tuple[str, ...] = ()

    @property
    def conditional(self) -> bool:
        """Whether it counts only as long as nobody knows a newer version than its base."""
        return self.kind is OperationKind.UPDATE or (self.kind is OperationKind.DELETE and self.base_version > 0)

    @property
    def oldest_version(self) -> int:
        """The version that has to be above the fence of an erased owner: that of the base, if it counts, or its own."""
        return min(self.base_version, self.state.version) if self.conditional else self.state.version


class LeaseToken(Struct, frozen=True):
    """The proof of a lease: the memory whose delivery is leased, and the end of the lease in seconds since 1970."""

    user_id: str  # the key of the owner
    memory_id: str
    until: float


class JournalEntry(Struct, frozen=True, kw_only=True):
    """The newest operation on a memory, with the state that it results in.

    `pending` are the providers that have not confirmed it, those with a dead letter included. `lease` is set in the
    answer to an append that leases a delivery, and None in every other answer.
    """

    seq: int
    kind: OperationKind
    state: Snapshot
    pending: frozenset[str]
    lease: LeaseToken | None = None


class Appended(Struct, frozen=True, kw_only=True):
    """The answer to an operation that is durable in the journal.

    If it is `repeated`, an earlier call has appended it, and `entry` is the newest one of its memory. `former` is the
    state that the journal knew before, None if it knew none any more.
    """

    entry: JournalEntry
    repeated: bool = False
    former: Snapshot | None = None


class KeptVersion(Struct, frozen=True):
    """The answer to a superseded version that is durable, 0 and nobody where no member keeps history.

    `pending` are the members that keep history and have not confirmed it, those with a dead letter included. It was
    `found` if the journal knew it before the call.
    """

    seq: int
    pending: frozenset[str]
    found: bool = False


class OutOfDate(Rejected):
    """The journal knows a newer version of the memory than the one that is to be updated, or deleted alone."""

    outcome = "out_of_date"


class AppendOutcome(StrEnum):
    """The verdict on one operation; the function in PostgreSQL returns these names.

    What is `left` was not appended because of another operation in the same call, whose owner was erased.
    """

    APPENDED = "appended"
    REPEATED = "repeated"
    DELETED = "deleted"
    CONFLICT = "conflict"
    OUT_OF_DATE = "out_of_date"
    OWNER_ERASED = "owner_erased"
    LEFT = "left"


def rejection(outcome: AppendOutcome, memory_id: str) -> Rejected | None:
    """Return the error for an operation on a memory, None if it is accepted."""
    match outcome:
        case AppendOutcome.DELETED:
            return MemoryDeleted(memory_id)
        case AppendOutcome.CONFLICT:
            return Conflict(memory_id)
        case AppendOutcome.OUT_OF_DATE:
            return OutOfDate(f"memory {memory_id} has a newer version")
        case _:
            return None


class Delivery(Struct, frozen=True, kw_only=True):
    """An operation that one provider has not confirmed, leased to a deliverer.

    `failures` counts the failures that the operation itself caused; `failed_at` is the moment of the last failure of
    any kind, 0 if there was none, and `error` is that failure. A delivery that is `held` was taken by the provider. The
    lease ends at `until`. All moments are seconds since 1970 by the journal's clock. A state that is `superseded` is no
    longer the newest one of its memory: only providers that keep the history of memories receive it.
    """

    seq: int
    provider: str
    kind: OperationKind
    state: Snapshot
    appended_at: float
    until: float
    failures: int = 0
    failed_at: float = 0.0
    error: str = ""
    superseded: bool = False

    @property
    def held(self) -> bool:
        """Whether the provider had taken it, and has not shown it yet."""
        return self.error == HELD

    @property
    def lease(self) -> LeaseToken:
        """The token that a settlement or a renewal of this delivery carries."""
        return LeaseToken(self.state.user_id, self.state.id, self.until)


class _Settled(Struct, frozen=True, kw_only=True):
    """The result of a delivery; if it was leased, `lease` releases the delivery that has replaced it meanwhile."""

    seq: int
    provider: str
    lease: LeaseToken | None = None


class Done(_Settled, frozen=True, kw_only=True):
    """The provider has confirmed the operation."""


class Postponed(_Settled, frozen=True, kw_only=True):
    """The delivery is repeated in `delay` seconds; `counts` is true if the operation itself caused the failure."""

    delay: float
    error: str = ""
    counts: bool = False


class Held(_Settled, frozen=True, kw_only=True):
    """The provider has taken the operation, but may not show it for `delay` seconds; then it is looked for.

    Until then it is pending, with `HELD` as its error, and as young as if it was appended at the end of the delay. A
    dead letter that is held is none any more.
    """

    delay: float


class Dead(_Settled, frozen=True, kw_only=True):
    """The delivery becomes a dead letter, which is repeated only at an operator's request."""

    error: str


Settlement = Done | Postponed | Held | Dead


class _ListedDelivery(Struct, frozen=True, kw_only=True):
    """A delivery as an operator sees it; its moments are seconds since 1970, and the memory's text is left out.

    `tenant` is that of the user, absent if it is the default one.
    """

    seq: int
    provider: str
    kind: OperationKind
    user_id: str
    memory_id: str
    error: str
    failures: int
    appended_at: float
    tenant: str | UnsetType = UNSET

    @property
    def owner(self) -> Owner:
        """The owner of the memory."""
        return Owner(self.user_id) if self.tenant is UNSET else Owner(self.user_id, self.tenant)


class DeadLetter(_ListedDelivery, frozen=True, kw_only=True):
    """A delivery that was given up; its moments are seconds since 1970, and the memory's text is left out.

    One that an operator has `discarded` stays here for as long as its provider lacks the operation.
    """

    failed_at: float
    discarded: bool


class PendingDelivery(_ListedDelivery, frozen=True, kw_only=True):
    """A delivery that is outstanding or under way; its moments are seconds since 1970, and the text is left out.

    It is made, or repeated, at `due_at`; `error` is that of the last failure, empty if there was none.
    """

    due_at: float


class Backlog(Struct, frozen=True, kw_only=True):
    """The unconfirmed deliveries to one provider; `oldest_seconds` is the age of the oldest pending one, 0 if none.

    Discarded ones are counted apart from the dead letters that wait for a decision.
    """

    provider: str
    pending: int
    dead: int
    oldest_seconds: float
    discarded: int = 0


class JournalStatus(Struct, frozen=True, kw_only=True):
    """The numbers of a journal: `last_seq` is the greatest one ever used; `backlogs` has one item for each member."""

    operations: int
    tombstones: int
    last_seq: int
    backlogs: tuple[Backlog, ...]


class MemberState(StrEnum):
    """Whether a provider is in sync and may answer reads, or is being backfilled."""

    COMPLETE = "complete"
    FILLING = "filling"


class Member(Struct, frozen=True, kw_only=True):
    """A provider that receives every write.

    `identity` is that of its store, None until it is reached for the first time. `copied` and `copied_users` count the
    progress of its backfill; `fill_after` is the last user who is copied completely; `joined_at` is seconds since 1970.

    `epoch` counts the states to which its store was reset; `noted` is the number of the last mark that the store is
    known to have in this epoch, written at `noted_at`, and the store has none above `reserved`. `lineage` is that of
    the store's server. A member that is filling is `restored` if its store was in sync before it was reset to a state
    that is `behind` seconds older: it may answer, marked, while no member is complete. One that `keeps_history`
    receives superseded versions as well.

    All that its store holds is `ours` if it was empty when it became a member, or has had everything since: it got that
    through this journal, or from a member that was complete.
    """

    name: str
    identity: str | None
    state: MemberState
    joined_at: float
    copied: int = 0
    copied_users: int = 0
    fill_after: str | None = None
    epoch: int = 1
    noted: int = 0
    noted_at: float = 0.0
    reserved: int = 0
    lineage: str | None = None
    restored: bool = False
    behind: float | None = None
    keeps_history: bool = False
    ours: bool = False
