"""The protocol of a journal: every write goes here first, and stays until every provider has confirmed it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from providers.answers import WITHOUT_JOURNAL
from providers.erasure.records import ErasureRecords
from providers.errors import Rejected, Unavailable
from providers.journal.changes import ChangesOfJournal
from providers.journal.history import SupersededVersions
from providers.journal.known import KnownMemories
from providers.journal.operations import (
    Appended,
    DeadLetter,
    Delivery,
    JournalEntry,
    JournalStatus,
    LeaseToken,
    Member,
    MemberState,
    Operation,
    PendingDelivery,
    Settlement,
)
from providers.journal.patrol_notes import PatrolNotes
from providers.journal.quarantine_notes import QuarantineNotes
from providers.owners import Owner

MAX_APPENDED = 1_000  # operations in one call
MAX_LEASED = 1_000  # deliveries that one call leases or renews
RESERVED_MARKS = 2  # beyond the last one that was noted: what two processes may leave at once before they note it
NEWEST_SEARCHED = 1_000  # operations among which those that a provider has confirmed are searched

# Traces of one user. Ids can be made up without end, and the deletion of each one is kept for as long as a write of it
# may be under way: this is more than any client has under way at once, and a few hundred kB.
MAX_TRACES = 1_000


class JournalUnavailable(Unavailable):
    """The journal cannot be read or written now: disk full, database down. Nothing may be accepted meanwhile."""

    outcome = WITHOUT_JOURNAL


class NoJournal(Exception):
    """There is no journal to be opened, and this is why."""


def check_count(what: str, count: int, most: int) -> None:
    """Refuse a call with too many items.

    Raises:
        ValueError: the caller, which has a bug, passes more than `most`.
    """
    if count > most:
        raise ValueError(f"at most {most} {what} at once, got {count}")


@runtime_checkable
class Journal(
    ChangesOfJournal, KnownMemories, SupersededVersions, PatrolNotes, QuarantineNotes, ErasureRecords, Protocol
):
    """A durable, shared list of operations; many tasks, processes and hosts may use one at the same time.

    An operation carries the whole state of its memory, so of several on one memory only the newest is delivered:
    appending one removes the deliveries of its predecessors, but for members that keep history. Every method raises
    `JournalUnavailable`; then nothing has changed, or, if the error is `ambiguous`, something may have changed.
    """

    @property
    @abstractmethod
    def id(self) -> str:
        """The unique name that this journal received when it was created."""

    @property
    def trouble(self) -> str | None:
        """Why the journal takes nothing for as long as the process runs, None as long as nothing is known."""
        return None

    @abstractmethod
    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make up to `MAX_APPENDED` operations durable, each with a delivery to every member, in one transaction.

        The caller leases the deliveries to the provider `held` for `seconds`, as by `lease`, and the entries carry the
        leases. The other deliveries are due at once, but not before those that they replace are due or settled, since
        those may be under way. An operation is judged by what the journal still knows of its memory, operations of the
        same call included. The answers are in order:

        - any kind, the owner was erased up to its version or above: `OwnerErased`.
        - any kind, nothing known: appended.
        - remember: a tombstone is known: `MemoryDeleted`. A state with the same `digest` is known: `repeated`. Another
          state is known: `Conflict`.
        - update: a tombstone is known: `MemoryDeleted`. Its edit is among the older ones that the journal keeps of the
          memory: `repeated`. Another edit with the same key is: `Conflict`. A newer version than `base_version` is
          known: `OutOfDate`. Otherwise appended, and its `older_edits` are kept until `prune`.
        - delete: a tombstone is known: `repeated`. It has a `base_version`, and a newer one is known: `OutOfDate`.
          Otherwise appended; the contents, metadata, digests and edits of its
          predecessors are erased from the journal.

        A deletion that is a trace is kept by the journal alone if nothing was known: it has no deliveries, and of a
        user with more than `MAX_TRACES` the oldest ones are dropped. If something was known it is an ordinary deletion.
        An operation that is repeated or rejected changes nothing, and none of its deliveries is leased. A repeated
        trace is the exception: its age starts anew, and it receives a new `seq`, because it is acknowledged as well.

        Raises:
            ValueError: there are more than `MAX_APPENDED` operations.
        """

    @abstractmethod
    async def entries(self, owner: Owner, provider: str, limit: int, tombstones: int) -> list[JournalEntry]:
        """Return what takes precedence over a provider's own state of a user's memories, the newest operations first.

        These are up to `limit` operations that the provider has not confirmed, and up to `tombstones` deletions that
        it has confirmed, which a late write may undo. The newest of each are returned.
        """

    @abstractmethod
    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lease the deliveries to one provider that are due, oldest first; no other caller gets them for `seconds`.

        However high the `limit` is, at most `MAX_LEASED` are leased.
        """

    @abstractmethod
    async def renew(self, provider: str, leases: Sequence[LeaseToken], seconds: float) -> list[LeaseToken | None]:
        """Extend up to `MAX_LEASED` leases of deliveries to one provider to `seconds` from now; return the new leases.

        A delivery that has replaced a leased one meanwhile waits for as long. The answers are in order: None for one
        that the caller does not hold any more, which is left as it is (settled, a dead letter, or expired and leased
        again). The method may return before the renewals are durable: one lost in a crash costs a repetition.

        Raises:
            ValueError: there are more than `MAX_LEASED` leases.
        """

    @abstractmethod
    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Record the results of deliveries; unknown deliveries, which were replaced meanwhile, are ignored.

        A delivery that has replaced a leased one stops waiting for the lease to end: it is due now, or when the
        postponed delivery would have been, unless it has been leased since. For that a settlement needs its `lease`.

        `Dead` is a failure that counts. A dead letter can still be confirmed, but no late `Postponed` revives it. The
        method may return before the settlements are durable: one that is lost in a crash costs a repetition.
        """

    @abstractmethod
    async def wait(self, seconds: float) -> None:
        """Wait until a delivery may have become due, here or on another host, but at most this many seconds.

        One that becomes due between two waits of one task ends the second at once, even if other tasks wait meanwhile.
        """

    @abstractmethod
    async def prune(self, seconds: float) -> int:
        """Drop the operations, no tombstones, that every member confirmed and that are older than `seconds`.

        Older edits that were kept for so long, or whose memory has no operation any more, go with them, and so do
        claims that have ended. Return the number of operations dropped.
        """

    @abstractmethod
    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[JournalEntry]:
        """Return tombstones with a `seq` above `after` that every member confirmed and are older than `seconds`."""

    @abstractmethod
    async def redeliver(self, seq: int, provider: str) -> None:
        """Make a retained tombstone due again at a provider where a copy of its memory was found.

        A trace becomes an ordinary tombstone. A delivery that the provider has not confirmed stays as it is, a dead
        letter too. Other operations and unknown providers are ignored.
        """

    @abstractmethod
    async def forget(self, seqs: Sequence[int], *, traces: bool = False) -> None:
        """Drop tombstones of whose memories no copy was found.

        One with a delivery is kept; if `traces` is true, every tombstone that is no trace is kept as well.
        """

    @abstractmethod
    async def status(self) -> JournalStatus:
        """Count operations, of which each memory has one, and deliveries; dead letters are counted separately."""

    @abstractmethod
    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Return the outstanding deliveries of up to `limit` operations with a `seq` above `after`, oldest first.

        If a `provider` is named, only its deliveries are returned. Dead letters are not among them.
        """

    @abstractmethod
    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Return the dead letters of up to `limit` operations with a `seq` above `after`, oldest first."""

    @abstractmethod
    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter, discarded or not, due at once with its failures reset; return False if there is none."""

    @abstractmethod
    async def discard(self, seq: int, provider: str) -> bool:
        """Give up a dead letter for good, so that its provider never receives that operation.

        The provider lacks it all the same: the operation is retained, and stays among its `entries`, until the provider
        has confirmed it in another way (it was merged, or settled as done) or a newer one has replaced it, so that no
        read believes the provider's own state of that memory. A superseded version is just not delivered any more.

        Returns:
            Whether there was a dead letter that had not been discarded before.
        """

    @abstractmethod
    async def installation(self, proposed: str | None = None) -> str | None:
        """Return the installation that the journal belongs to: the first one ever `proposed`, None if none was."""

    @abstractmethod
    async def founded(self) -> bool:
        """Return whether there was ever a member."""

    @abstractmethod
    async def join(
        self, name: str, identity: str | None, state: MemberState | None = None, *, ours: bool = False
    ) -> Member:
        """Add a provider to the members with a state, unless it is one already.

        By default the first member ever is complete, and later ones start with a backfill. A newcomer gets a delivery
        of every operation that the journal still knows except traces, because a scan for the backfill may have passed
        the place of one before it was written. An identity that was unknown so far is set, with `ours` (see `Member`).
        """

    @abstractmethod
    async def restart(
        self,
        name: str,
        *,
        epoch: int,
        identity: str,
        restored: bool = False,
        behind: float | None = None,
        above: int = 0,
        state: MemberState = MemberState.FILLING,
        ours: bool = False,
    ) -> Member | None:
        """Begin a new epoch of a member whose store lost what it had, or is another one; a backfill starts anew.

        It gets a delivery of all that the journal still knows except traces, tombstones first. `restored` and `behind`
        are those of `Member`, and so is `ours` of another store. The new epoch is greater than `above`, too. Nothing
        changes unless the member's epoch is still `epoch`. Return the member afterwards, None if there is none.
        """

    @abstractmethod
    async def reserve(self, name: str, number: int) -> None:
        """Allow a member's store to have marks up to a number."""

    @abstractmethod
    async def note(self, name: str, *, epoch: int, number: int, lineage: str | None) -> bool:
        """Note the mark and the lineage that a member's store has now, and reserve the next `RESERVED_MARKS`.

        A lower number, or another epoch, is ignored. Return False if this very number has been noted before.
        """

    @abstractmethod
    async def confirmed(self, provider: str, limit: int, seconds: float) -> list[JournalEntry]:
        """Return the newest operations older than `seconds` that a provider has confirmed, newest first.

        Only the newest `NEWEST_SEARCHED` operations are searched, and traces are left out.
        """

    @abstractmethod
    async def members(self) -> list[Member]:
        """Return all members in the order in which they joined."""

    @abstractmethod
    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Record the progress of a member's backfill; an unknown name is ignored."""

    @abstractmethod
    async def mark(self, name: str, state: MemberState, *, epoch: int | None = None) -> None:
        """Set the state of a member; a backfill starts from the first user, with its counts at zero.

        If an `epoch` is given and is not that of the member any more, nothing changes.
        """

    @abstractmethod
    async def leave(self, name: str) -> bool:
        """Remove a member with its unconfirmed deliveries; return False if there is no such member."""

    @abstractmethod
    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Acquire or keep a task that only one holder may run at a time; return False while another holder has it."""
