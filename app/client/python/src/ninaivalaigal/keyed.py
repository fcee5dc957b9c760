"""Memories under keys that their owner chooses: one memory per key, and the newest wins.

The service finds them by their metadata: `{collection: {"key": ..., ...}}`. Two writers that meet may make two memories
of one key for a moment; whoever finds both keeps the newer one, which is also the one that every read shows.
"""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from ninaivalaigal import operations
from ninaivalaigal.calls import Plan
from ninaivalaigal.errors import ClientError, Gone, NotFound
from ninaivalaigal.limits import MAX_BATCH
from ninaivalaigal.options import Change, Changes, Condition, Details
from ninaivalaigal.values import Batch, Memory, Page, ProblemDetails

MOST_PER_PAGE = MAX_BATCH
MOST_RECALLED = 1_000
_TURNS = 5  # in which a writer meets somebody who deletes; the next one makes a new memory


class PartlyFailed(ClientError):
    """Some items of a batch failed; `problems` tells why."""

    def __init__(self, problems: list[ProblemDetails]) -> None:
        super().__init__(f"{len(problems)} items failed, the first: {problems[0].title}: {problems[0].detail}")
        self.problems = problems


class Collection(Struct, frozen=True, kw_only=True):
    """The keyed memories of one user that one adapter has made.

    `name` is the field of the metadata that marks them.
    """

    name: str
    user: str | None = None

    def field(self, *steps: str) -> list[str]:
        """Return the path of a field in the metadata."""
        return [self.name, *steps]

    def marks_of(self, memory: Memory) -> dict[str, Any]:
        """Return what the collection keeps with a memory: its key, and whatever was put beside it."""
        marks: dict[str, Any] = (memory.metadata or {})[self.name]
        return marks

    def key_of(self, memory: Memory) -> str:
        """Return the key of a memory."""
        return str(self.marks_of(memory)["key"])

    def under(self, prefix: str) -> Condition:
        """Return the condition for all keys that begin so."""
        return {"op": "prefix", "field": self.field("key"), "value": prefix}

    def at(self, key: str) -> Condition:
        """Return the condition for one key."""
        return {"op": "eq", "field": self.field("key"), "value": key}

    def get(self, key: str) -> Plan[Memory | None]:
        """Return the memory of a key, the newest one."""
        page = yield from operations.query_memories(where=self.at(key), limit=1, user=self.user)
        return page.memories[0] if page.memories else None

    def put(self, key: str, content: str, marks: Mapping[str, Any]) -> Plan[None]:
        """Store or replace the memory of a key.

        Raises:
            NotFound: others keep deleting it.
        """
        details: Details = {"metadata": {self.name: {"key": key, **marks}}}
        for turn in range(_TURNS):
            found = yield from self._copies(self.at(key))
            if not found:
                yield from operations.remember(content, user=self.user, **details)
                found = yield from self._copies(self.at(key))  # somebody else may have done the same
            elif not (yield from self._replaced(found[0], content, details, last=turn == _TURNS - 1)):
                continue
            yield from self._delete_each(found[1:])
            return

    def delete(self, condition: Condition) -> Plan[int]:
        """Delete all memories of the collection that meet a condition, and return how many there were."""
        deleted = 0
        while True:
            gone = yield from operations.delete_matching(where=condition, user=self.user)
            deleted += gone.deleted
            if not gone.more:
                return deleted

    def found(self, condition: Condition, most: int | None = None) -> Plan[list[Memory]]:
        """Return the memories that meet a condition, newest first, one per key; all of them, or so many."""
        kept, cursor = dict[str, Memory](), None
        while most is None or len(kept) < most:
            page = yield from self._page(condition, cursor, MOST_PER_PAGE if most is None else most)
            for memory in page.memories:
                kept.setdefault(self.key_of(memory), memory)
            cursor = page.next_cursor
            if cursor is None:
                break
        return list(kept.values())[:most]

    def recall(self, query: str, condition: Condition, limit: int) -> Plan[list[Memory]]:
        """Return the memories nearest to a query that meet a condition, best first, one per key."""
        found = yield from operations.recall(query, where=condition, limit=min(limit, MOST_RECALLED), user=self.user)
        return list(self.newest(found.memories))

    def rename(self, condition: Condition, before: str, after: str) -> Plan[int]:
        """Change the beginning of the keys that meet a condition, and return how many keys there were.

        Raises:
            PartlyFailed: some have their former keys.
        """
        copies = yield from self._copies(condition)
        newest = list(self.newest(copies))
        kept = {memory.id for memory in newest}
        yield from self._delete_each([memory for memory in copies if memory.id not in kept])
        changes = [self._renamed(memory, after + self.key_of(memory)[len(before) :]) for memory in newest]
        for begin in range(0, len(changes), MOST_PER_PAGE):
            check((yield from operations.update_batch(changes[begin : begin + MOST_PER_PAGE], user=self.user)))
        return len(newest)

    def newest(self, memories: Iterable[Memory]) -> Iterator[Memory]:
        """Yield the first memory of each key."""
        seen = set[str]()
        for memory in memories:
            if (key := self.key_of(memory)) not in seen:
                seen.add(key)
                yield memory

    def _renamed(self, memory: Memory, key: str) -> Change:
        return {"memory_id": memory.id, "metadata": {self.name: {**self.marks_of(memory), "key": key}}}

    def _copies(self, condition: Condition) -> Plan[list[Memory]]:
        """Return every memory that meets a condition, newest first."""
        copies, cursor = list[Memory](), None
        while True:
            page = yield from self._page(condition, cursor, MOST_PER_PAGE)
            copies += page.memories
            cursor = page.next_cursor
            if cursor is None:
                return copies

    def _page(self, condition: Condition, cursor: str | None, most: int) -> Plan[Page]:
        limit = min(most, MOST_PER_PAGE)
        return (yield from operations.query_memories(where=condition, limit=limit, cursor=cursor, user=self.user))

    def _replaced(self, memory: Memory, content: str, details: Details, *, last: bool) -> Plan[bool]:
        changes: Changes = {"content": content, "metadata": details["metadata"]}
        try:
            yield from operations.update(memory.id, user=self.user, **changes)
        except (NotFound, Gone):
            if last:
                raise
            return False
        return True

    def _delete_each(self, memories: list[Memory]) -> Plan[None]:
        """Delete memories; whichever is gone already need not be deleted."""
        for begin in range(0, len(memories), MOST_PER_PAGE):
            some = memories[begin : begin + MOST_PER_PAGE]
            yield from operations.delete_batch([memory.id for memory in some], user=self.user)


def check(batch: Batch) -> Batch:
    """Return a batch all of whose items have succeeded; raise `PartlyFailed` otherwise."""
    if batch.failed:
        raise PartlyFailed(batch.problems)
    return batch
