"""The schemas of batches of new memories and of queries."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType
from msgspec.structs import replace

from app.http.key_schemas import Key
from app.http.lifetimes import Lifetime
from app.http.problems import Problem
from app.http.remember_schemas import RememberRequest
from app.http.schemas import RecallRequest, UserId
from providers import limits
from providers.errors import InvalidInput
from providers.owners import Owner
from providers.search.explanations import Considered
from providers.types import MemoryRecord, NewMemory


class BatchedMemory(RememberRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A memory to store, or, with a `key`, to put under this: as `PUT` by key it creates or replaces.

    `created_at` is not for what has a key, since a replaced memory keeps its own.
    """

    key: Key | None = None

    def memory(self, owner: Owner, memory_id: str | None, lifetime: Lifetime) -> NewMemory:
        """Return the memory, with its key; raise `InvalidInput` also if it has one and a time of its own."""
        if self.key is not None and self.created_at is not None:
            raise InvalidInput("created_at", "must not be given together with a key: a replaced memory keeps its own")
        memory = RememberRequest.memory(self, owner, memory_id, lifetime)
        return memory if self.key is None else replace(memory, key=self.key)


class RememberBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Memories to store in one go, with 100,000 JSON values in all; an invalid one fails alone.

    Each may have a `key` that no other has.
    """

    memories: Annotated[list[BatchedMemory], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class RecallBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Queries to answer in one go, with 100,000 JSON values in all; an invalid one fails alone."""

    queries: Annotated[list[RecallRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class RememberItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result for one memory of a batch: an id, or the problem with it.

    Of one with a key, `created` tells whether it is new, or has replaced what was there.
    """

    status: Literal["stored", "accepted", "failed"]
    memory_id: str | None = None
    created: bool | UnsetType = UNSET
    problem: Problem | None = None


class RememberBatchResponse(Struct, frozen=True):
    """The result for each memory, in the order they were sent."""

    results: list[RememberItem]
    stored: int
    failed: int


class RecallItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The answer to one query of a batch: memories, or the problem with it."""

    status: Literal["answered", "failed"]
    memories: list[MemoryRecord] | None = None
    count: int | None = None
    text: str | UnsetType = UNSET
    considered: Considered | None = None
    problem: Problem | None = None


class RecallBatchResponse(Struct, frozen=True):
    """The answer to each query, in the order they were sent."""

    results: list[RecallItem]
    answered: int
    failed: int
