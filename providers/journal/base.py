"""The protocol of a journal: every write goes here first, and stays until every provider has confirmed it."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol, runtime_checkable

from providers.errors import Rejected, Unavailable
from providers.journal.operations import (
    Appended,
    DeadLetter,
    Delivery,
    Entry,
    JournalStatus,
    Loan,
    Member,
    MemberState,
    Operation,
    PendingDelivery,
    Settlement,
)

MAX_APPENDED = 1_000  # operations in one call
MAX_LEASED = 1_000  # deliveries lent or renewed in one call

# Of one user. Ids can be made up without end, and each deletion of one is kept for as long as a write of it may be
# under way: so many are more than any client has under way at once, and a few hundred kB.
MAX_TRACES = 1_000


class JournalUnavailable(Unavailable):
    """The journal cannot be read or written now: disk full, database down. Nothing may be accepted meanwhile."""

    outcome = "journal_unavailable"


@runtime_checkable
class Journal(Protocol):
    """A durable, shared list of operations; many tasks, processes and hosts may use one at the same time.

    What an operation brings about is a whole state, so of several operations on one memory only the newest is ever
    delivered: appending one takes the deliveries of its predecessors away. Every method raises `JournalUnavailable`;
    after that nothing has changed, or, if the error is `ambiguous`, perhaps something has.
    """

    @property
    @abstractmethod
    def id(self) -> str:
        """A name that this journal was given when it was made, which no other has."""
        raise NotImplementedError

    @abstractmethod
    async def append(
        self, operations: Sequence[Operation], *, held: str | None = None, seconds: float = 0.0
    ) -> list[Appended | Rejected]:
        """Make up to `MAX_APPENDED` operations durable, each with a delivery to every member, in one transaction.

        Deliveries to the provider `held` are lent to the caller for `seconds`, as by `lease`, and the entries tell the
        loans; the others are due at once, but not before what they replace is due or settled (it may be under way). An
        operation is judged by what the journal still knows of its memory, operations of the same call included, and
        answered, in order:

        - any kind, nothing known: appended.
        - remember: a tombstone is known: `MemoryDeleted`. Something with the same `digest` is known: `repeated`.
          Something else is known: `Conflict`.
        - update: a tombstone is known: `MemoryDeleted`. A newer version than `base_version` is known: `OutOfDate`.
          Otherwise appended.
        - delete: a tombstone is known: `repeated`. Otherwise appended; the contents, metadata and digests of its
          predecessors are erased from the journal.

        A deletion that is a trace is kept by the journal alone if nothing was known: it has no deliveries, and of a
        user who has more than `MAX_TRACES` the oldest give way. Where something was known it is like any other. What is
        repeated or rejected changes nothing, and nothing of it is lent; but a trace that is repeated is as young as the
        repetition, and has its `seq`, for that is acknowledged as well. More than `MAX_APPENDED` operations are
        a bug of the caller, a `ValueError`.
        """
        raise NotImplementedError

    @abstractmethod
    async def entries(self, user_id: str, provider: str, limit: int, tombstones: int) -> list[Entry]:
        """Give what counts more than what a provider says of a user's memories, the newest operations first.

        Up to `limit` operations that it has not confirmed, and up to `tombstones` deletions that it has: a late write
        may undo one of those. Of either the newest are given.
        """
        raise NotImplementedError

    @abstractmethod
    async def deleted(self, user_id: str, memory_ids: Sequence[str]) -> set[str]:
        """Give those of a user's memories of which a tombstone is retained."""
        raise NotImplementedError

    @abstractmethod
    async def newest(self, user_id: str, memory_id: str) -> Entry | None:
        """Give what the journal still knows of one memory, confirmed everywhere or not."""
        raise NotImplementedError

    @abstractmethod
    async def lease(self, provider: str, limit: int, seconds: float) -> list[Delivery]:
        """Lend the deliveries to one provider that are due, oldest first; nobody else gets them for `seconds`.

        However high the `limit` is, there are at most `MAX_LEASED`.
        """
        raise NotImplementedError

    @abstractmethod
    async def renew(self, provider: str, loans: Sequence[Loan], seconds: float) -> list[Loan | None]:
        """Keep lent deliveries to one provider for `seconds` from now, up to `MAX_LEASED`, and give the new loans.

        What has replaced one meanwhile waits for as long. In order; None for what is not the caller's any more, and is
        left as it is: settled, a dead letter, or come back and lent again. More than `MAX_LEASED` are a bug of the
        caller, a `ValueError`. May return before it is durable: a renewal lost in a crash costs a repetition.
        """
        raise NotImplementedError

    @abstractmethod
    async def settle(self, settlements: Sequence[Settlement]) -> None:
        """Take note of what became of deliveries; unknown ones, replaced meanwhile, are passed over.

        What has replaced one that was lent waits no longer for its return: it is due now, or when the delivery that was
        postponed would have been; unless it has itself been lent since. For that a settlement needs its `loan`.

        `Dead` is a failure that counts. A dead letter can still be confirmed, but no late `Postponed` revives it. May
        return before it is durable: a settlement lost in a crash costs a repetition.
        """
        raise NotImplementedError

    @abstractmethod
    async def wait(self, seconds: float) -> None:
        """Wait until something may have become due, here or on another host, but at most so long.

        What becomes due between two waits of one task ends the second at once, whoever else waits meanwhile.
        """
        raise NotImplementedError

    @abstractmethod
    async def prune(self, seconds: float) -> int:
        """Drop what every member confirmed and is older than this many seconds, but no tombstone; tell how many."""
        raise NotImplementedError

    @abstractmethod
    async def tombstones(self, limit: int, seconds: float, *, after: int = 0) -> list[Entry]:
        """Give tombstones with a `seq` above `after` that every member confirmed and are older than `seconds`."""
        raise NotImplementedError

    @abstractmethod
    async def redeliver(self, seq: int, provider: str) -> None:
        """Make a retained tombstone due again at a provider where a copy of its memory was found; it is no trace then.

        What it has not confirmed stays as it is, a dead letter, too. Other operations and providers are passed over.
        """
        raise NotImplementedError

    @abstractmethod
    async def forget(self, seqs: Sequence[int], *, traces: bool = False) -> None:
        """Drop tombstones of which no copy was found, with everything else known of their memories.

        One with a delivery is kept; with `traces` everything that is no trace is kept, too.
        """
        raise NotImplementedError

    @abstractmethod
    async def status(self) -> JournalStatus:
        """Count what is there: a memory is one operation, `last_seq` the last ever given; dead letters count apart."""
        raise NotImplementedError

    @abstractmethod
    async def newest_version(self) -> int:
        """Give the greatest version of all that it knows, 0 if it knows nothing; it may have to look at everything."""
        raise NotImplementedError

    @abstractmethod
    async def pending(self, limit: int, *, provider: str | None = None, after: int = 0) -> list[PendingDelivery]:
        """Give the deliveries still to be made of up to `limit` operations with a `seq` above `after`, oldest first.

        Those to one `provider` alone, if it is named. Dead letters are not among them.
        """
        raise NotImplementedError

    @abstractmethod
    async def dead(self, limit: int, *, after: int = 0) -> list[DeadLetter]:
        """Give the dead letters of up to `limit` operations with a `seq` above `after`, oldest first."""
        raise NotImplementedError

    @abstractmethod
    async def retry(self, seq: int, provider: str) -> bool:
        """Make a dead letter due at once, its failures forgotten; False if there is none."""
        raise NotImplementedError

    @abstractmethod
    async def discard(self, seq: int, provider: str) -> bool:
        """Drop a dead letter for good, so that its provider never gets that operation; False if there is none."""
        raise NotImplementedError

    @abstractmethod
    async def join(self, name: str, identity: str | None) -> Member:
        """Make a provider a member, or find it one already.

        The first ever is complete, later ones are to be filled, and get a delivery of every operation that the journal
        still knows, traces left out: whoever fills them may have been looking where one of those was not yet. A member
        whose identity has changed is another store, and begins as a new one. An identity of None leaves what is known.
        """
        raise NotImplementedError

    @abstractmethod
    async def members(self) -> list[Member]:
        """Give all members, those who joined first at the front."""
        raise NotImplementedError

    @abstractmethod
    async def note_fill(self, name: str, *, after: str | None, copied: int, copied_users: int) -> None:
        """Take note of how far the filling of a member has come, if it is one."""
        raise NotImplementedError

    @abstractmethod
    async def mark(self, name: str, state: MemberState) -> None:
        """Say whether a member has received everything; one to be filled starts from the first user, with no counts."""
        raise NotImplementedError

    @abstractmethod
    async def leave(self, name: str) -> bool:
        """End a membership, and drop what that provider has not confirmed; False if it was no member."""
        raise NotImplementedError

    @abstractmethod
    async def claim(self, task: str, holder: str, seconds: float) -> bool:
        """Take or keep a task that only one holder may do at a time; False while another one has it."""
        raise NotImplementedError
