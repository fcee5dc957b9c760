"""The schemas of batches of changes and of deletions."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, Struct, UnsetType

from app.http.problems import Problem
from app.http.schemas import ChangeRequest, UserId
from providers import limits
from providers.types import MemoryRecord

MAX_ID_CHARS = 100  # of a memory in a batch, so that an answer that names it stays short

# Checked by the providers, which name the memory; a body that is refused as a whole names none.
UuidText = Annotated[str, Meta(max_length=MAX_ID_CHARS, extra_json_schema={"format": "uuid"})]


class UpdateItem(ChangeRequest, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The changes to one memory of a batch."""

    memory_id: UuidText


class UpdateBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """Changes to different memories in one go, with 100,000 JSON values in all; an invalid one fails alone."""

    changes: Annotated[list[UpdateItem], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class DeleteBatchRequest(Struct, frozen=True, forbid_unknown_fields=True):
    """The ids of memories to delete in one go; an invalid one fails alone."""

    memory_ids: Annotated[list[UuidText], Meta(min_length=1, max_length=limits.MAX_BATCH)]
    user_id: UserId | UnsetType = UNSET


class UpdateResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result for one change of a batch: the memory as it is now, or the problem with it."""

    memory_id: str | None = None
    status: Literal["updated", "accepted", "failed"]
    memory: MemoryRecord | None = None
    problem: Problem | None = None


class UpdateBatchResponse(Struct, frozen=True):
    """The result for each change, in the order they were sent."""

    results: list[UpdateResult]
    updated: int
    failed: int


class DeleteResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """The result for one memory of a batch: it is gone for good, or the problem with it."""

    memory_id: str
    status: Literal["deleted", "failed"]
    problem: Problem | None = None


class DeleteBatchResponse(Struct, frozen=True):
    """The result for each memory, in the order they were sent."""

    results: list[DeleteResult]
    deleted: int
    failed: int
