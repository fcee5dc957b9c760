"""Items under keys that an adapter makes of its framework's own: each is the memory of one key of the service.

A key that is longer than the service takes stands there as its digest. The metadata `{collection: {"key": ...}}` has it
in full, for conditions on its beginning, beside what the adapter keeps with the item.
"""

import hashlib
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from msgspec import Struct

from ninaivalaigal import operations
from ninaivalaigal.calls import Plan
from ninaivalaigal.errors import ClientError, NotFound
from ninaivalaigal.limits import MAX_BATCH, MAX_KEY_CHARS
from ninaivalaigal.options import Condition
from ninaivalaigal.values import Batch, Memory, Page, ProblemDetails

MOST_PER_PAGE = MAX_BATCH
MOST_RECALLED = 1_000


class PartlyFailed(ClientError):
    """Some items of a batch failed; `problems` tells why."""

    def __init__(self, problems: list[ProblemDetails]) -> None:
        super().__init__(f"{len(problems)} items failed, the first: {problems[0].title}: {problems[0].detail}")
        self.problems = problems


class Collection(Struct, frozen=True, kw_only=True):
    """The items of one user that one adapter has made.

    `name` begins their keys, and is the field of the metadata that marks them.
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
        """Return the key of an item."""
        return str(self.marks_of(memory)["key"])

    def under(self, prefix: str) -> Condition:
        """Return the condition for all keys that begin so."""
        return {"op": "prefix", "field": self.field("key"), "value": prefix}

    def named(self, key: str) -> str:
        """Return the key under which the service has an item."""
        whole = f"{self.name}/{key}"
        if len(whole) <= MAX_KEY_CHARS:
            return whole
        return f"{self.name}/{hashlib.sha256(key.encode(errors='surrogatepass')).hexdigest()}"

    def get(self, key: str) -> Plan[Memory | None]:
        """Return the memory of a key."""
        try:
            return (yield from operations.get_by_key(self.named(key), user=self.user))
        except NotFound:
            return None

    def put(self, key: str, content: str, marks: Mapping[str, Any], ttl_seconds: int | None = None) -> Plan[None]:
        """Store or replace the memory of a key, which lives for so many seconds from now on, or for ever."""
        yield from operations.put_by_key(
            self.named(key),
            content,
            metadata={self.name: {"key": key, **marks}},
            ttl_seconds=ttl_seconds,
            user=self.user,
        )

    def delete(self, key: str) -> Plan[bool]:
        """Delete the memory of a key, and return whether there was one."""
        try:
            yield from operations.delete_by_key(self.named(key), user=self.user)
        except NotFound:
            return False
        return True

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

    def newest(self, memories: Iterable[Memory]) -> Iterator[Memory]:
        """Yield the first memory of each key: of two writers that meet, both have made one for a moment."""
        seen = set[str]()
        for memory in memories:
            if (key := self.key_of(memory)) not in seen:
                seen.add(key)
                yield memory

    def _page(self, condition: Condition, cursor: str | None, most: int) -> Plan[Page]:
        limit = min(most, MOST_PER_PAGE)
        return (yield from operations.query_memories(where=condition, limit=limit, cursor=cursor, user=self.user))


def check(batch: Batch) -> Batch:
    """Return a batch all of whose items have succeeded; raise `PartlyFailed` otherwise."""
    if batch.failed:
        raise PartlyFailed(batch.problems)
    return batch
