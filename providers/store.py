"""The protocol of every store of memories: each method takes one value, returns one, and keeps a promise."""

from abc import abstractmethod
from collections.abc import Sequence
from typing import Protocol

from providers.answers import Changed, DeletedBy, Erased, Fetched, Found, Stored
from providers.batches import all_or_some, answer_all
from providers.errors import ProviderError, Unsupported
from providers.feed import FeedPage, FeedQuery
from providers.health import Health
from providers.histories import HistoriesPage, HistoriesQuery
from providers.history import HistoryPage, HistoryQuery
from providers.limits import MAX_BATCH, check_batch
from providers.owners import Owner
from providers.touches import Touch
from providers.types import ALL, Conditions, Deletion, Edit, NewMemory, PageQuery, RecallQuery, Snapshot

CHANGES_AT_ONCE = 8  # of one batch; they share statements and commits with each other
RECENT_CHANGES = 1_000  # of an owner's memories, among which a store looks for a deletion that is repeated


class MemoryStore(Protocol):
    """Store an owner's memories and find them again.

    Every method sees only the memories of the owner that its argument names. Every method raises `Unavailable` when the
    backend cannot answer and `InvalidInput` when an argument breaks a rule of `providers/limits.py`; other errors stand
    with the method. Cancelling a call leaves the store usable; a cancelled write happened wholly or not at all.
    """

    async def store(self, memory: NewMemory) -> Stored:
        """Store one memory durably, and return its id.

        The same `memory_id` with the same content and metadata again is the same memory, stored once, even if it was
        edited meanwhile: a retry neither undoes the edit nor fails, nor changes labels. `created_at` is by default now,
        whatever the `version` says. Memories of one moment are listed in the order of their first versions, which a
        provider mints in the order of the batch.

        Raises:
            Conflict: the id was stored with another content or other metadata.
            MemoryDeleted: the id was deleted; delete wins for ever.
        """
        [stored] = await self.store_many([memory])
        if isinstance(stored, ProviderError):
            raise stored
        return stored

    @abstractmethod
    async def store_many(self, memories: Sequence[NewMemory]) -> list[Stored | ProviderError]:
        """Store up to 1,000 memories; return, in order, each one's id or why it was not stored.

        Raises:
            Unavailable: it is unknown for all of them whether they were stored; the same call may be repeated.
        """

    @abstractmethod
    async def find(self, query: RecallQuery) -> Found:
        """Return the memories nearest to the query, best first.

        Each has a `similarity_score` in [0, 1], above 0 and at least `min_score`; equal scores are ordered newest
        first. A memory whose words match is found from the moment it is stored.

        Raises:
            AnswerTooLarge: the answer is larger than `most_bytes`.
        """

    @abstractmethod
    async def find_many(self, queries: Sequence[RecallQuery]) -> list[Found | ProviderError]:
        """Answer up to 1,000 queries; return, in order, each one's memories or the error.

        Raises:
            Unavailable: none of them could be answered.
        """

    @abstractmethod
    async def fetch(self, owner: Owner, memory_id: str) -> Fetched:
        """Return one memory.

        Raises:
            MemoryNotFound: this owner has no such memory.
        """

    @abstractmethod
    async def page(self, query: PageQuery) -> Found:
        """List the memories that meet the conditions, by `created_at`, first version and id, in the query's order.

        A page after a position continues there; memories stored or deleted meanwhile neither repeat nor hide others.
        A page that would be larger than `most_bytes` ends early, and is `cut`.
        """

    async def feed(self, query: FeedQuery) -> FeedPage:
        """Return what changed behind a position, in the order of the changes; the latest state of each memory.

        It misses no change that was acknowledged, whoever made it, as soon as the writes that began before it have
        ended; it may tell one again that it has told before.

        Raises:
            FeedLost: the position is of another provider, or of another history of the store.
            Unsupported: the store cannot tell.
        """
        raise Unsupported(f"tell what changed of {query.owner.user}")

    async def history(self, query: HistoryQuery) -> HistoryPage:
        """Return the versions of a memory that are kept, newest first, from the one that is now on.

        Each version was what readers saw until the next one. Which are kept is configured (`Retention`).

        Raises:
            MemoryNotFound: this owner has no such memory.
            Unsupported: the store keeps no history.
        """
        raise Unsupported(f"tell the history of memory {query.memory_id}")

    async def histories(self, query: HistoriesQuery) -> HistoriesPage:  # noqa: ARG002 - for those that keep history
        """Return superseded versions of all of an owner's memories, by id and version; none where none are kept.

        Raises:
            Unavailable: the store does not answer.
        """
        return HistoriesPage(versions=[])

    async def keep_versions(self, versions: Sequence[Snapshot]) -> list[Stored | ProviderError | None]:
        """Add up to 1,000 superseded versions that come from elsewhere to the histories of memories.

        The result holds, in order, None where nothing keeps a version that old, or any; or else why it was not added:
        `MemoryNotFound`, `MemoryDeleted`, or `Conflict` where it is newer than the memory. A version that is there
        stays as it is, and its answer says that it was `found`. Repeating the call is harmless.

        Raises:
            Unavailable: it is unknown for all of them whether they were added; the same call may be repeated.
        """
        return [None] * len(versions)

    @abstractmethod
    async def change(self, edit: Edit) -> Changed:
        """Replace content, metadata or labels, and return the memory as it is now.

        Omitted parts stay. A `version` not newer than what is stored changes nothing; without one the edit is newer
        than everything before it. An `edit_id` among the last 16 applied to this memory changes nothing either.

        Raises:
            MemoryNotFound: this owner has no such memory.
            Conflict: the last edits include another one of that name.
        """

    async def change_many(self, edits: Sequence[Edit]) -> list[Changed | ProviderError]:
        """Make up to 1,000 edits of different memories; return, in order, each one's memory or why it was not changed.

        Raises:
            Unavailable: none of them could be made.
        """
        check_batch("edits", edits)
        return all_or_some(await answer_all(edits, self.change, CHANGES_AT_ONCE))

    async def erase_many(self, deletions: Sequence[Deletion]) -> list[Erased | ProviderError]:
        """Delete up to 1,000 memories for ever; return, in order, each one's count or why it was not deleted.

        Raises:
            Unavailable: none of them could be deleted.
        """
        check_batch("deletions", deletions)
        return all_or_some(await answer_all(deletions, self.erase, CHANGES_AT_ONCE))

    def puts_keyed(self, owner: Owner) -> bool:  # noqa: ARG002 - for those that can
        """Return whether `put_keyed` may do something for an owner; where not, who puts by key looks first."""
        return False

    async def put_keyed(self, memory: NewMemory) -> Stored | Changed | None:  # noqa: ARG002 - as above
        """Replace all parts of the memory that has the key of this one, or store this one where no memory has it.

        Return None where nothing was done, because several have the key, or the one that has it has expired or is
        being written by others. As after `store`, others may have stored another one under the key at the same time.

        Raises:
            Unavailable: it is unknown whether it was done; the same call, with a `memory_id`, may be repeated.
        """
        return None

    async def touch(self, touches: Sequence[Touch]) -> None:
        """Note when somebody was given up to 1,000 memories whose expiry slides: they have their time again from then.

        Of two touches the later one counts. There is no new version, and others are left as they are. Repeating the
        call is harmless.

        Raises:
            Unavailable: it is unknown which touches were noted.
            Unsupported: the store cannot note any.
        """
        raise Unsupported(f"give {len(touches)} memories their time again")

    @abstractmethod
    async def erase(self, deletion: Deletion) -> Erased:
        """Delete one memory for ever; the count is 0 if it does not exist (any more).

        Nothing can be stored under the id of a deleted memory of this owner afterwards. Deleting a memory that never
        existed leaves no trace: ids can be made up without end, and each trace would be kept for ever. A repeat with
        the `edit_id` that deleted the memory counts 1 again, so that a retry gets the answer that was lost.
        """

    async def deleted_by(self, owner: Owner, edit_id: str) -> DeletedBy:  # noqa: ARG002 - for those that can tell
        """Return the memory that a deletion with this `edit_id` has deleted.

        So a repeated deletion by key finds what it has deleted, and leaves alone what was put under the key since. A
        store looks among the last `RECENT_CHANGES` of the owner's memories; one without tombstones knows of none.
        """
        return DeletedBy()

    @abstractmethod
    async def erase_all(self, owner: Owner, limit: int = MAX_BATCH, conditions: Conditions = ALL) -> Erased:
        """Delete up to `limit` of an owner's memories that meet the conditions, at most `MAX_BATCH`, the newest first.

        If the count is `limit`, more may be left. Memories stored while the call lasts may stay.
        """

    @abstractmethod
    async def health_check(self) -> Health:
        """Return whether the store can serve; it never raises, because an error is part of the answer."""
