"""The schemas of batches of new memories and of queries."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.problems import Problem
from app.http.remember_schemas import RememberRequest
from app.http.schemas import RecallRequest, UserId
from providers import limits
from providers.search.explanations import Considered
from providers.types import MemoryRecord


class RememberBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Memories to store in one go, with 100,000 JSON values in all; an invalid one fails alone."""

    memories: Annotated[list[RememberRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class RecallBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Queries to answer in one go, with 100,000 JSON values in all; an invalid one fails alone."""

    queries: Annotated[list[RecallRequest], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class RememberItem(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result for one memory of a batch: an id, or the problem with it."""

    status: Literal["stored", "accepted", "failed"]
    memory_id: str | None = None
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
