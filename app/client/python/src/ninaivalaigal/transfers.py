"""The answers about all memories of a user at once: what an import has stored, and the receipt of an erasure."""

from datetime import datetime
from typing import Literal

from msgspec import Struct

from ninaivalaigal.values import Answer, ProblemDetails


class ImportedLine(Struct, frozen=True, kw_only=True):
    """What became of one line; `former_id` is what the line calls its memory, if it has another id now."""

    line: int
    status: Literal["stored", "accepted", "kept", "skipped", "failed"]
    memory_id: str | None = None
    former_id: str | None = None
    problem: ProblemDetails | None = None


class Imported(Answer, frozen=True, kw_only=True):
    """What became of each line of an import, and how many there are of each kind."""

    results: list[ImportedLine]
    stored: int
    kept: int
    skipped: int
    failed: int


class ErasedStore(Struct, frozen=True, kw_only=True):
    """What was done in one store; `unconfirmed` says what could not be asked, `stays` what it still holds."""

    provider: str
    status: Literal["erased", "pending"]
    states: int
    ids: int
    listed: bool
    questions: int
    unconfirmed: list[str]
    stays: list[str]
    trouble: str | None
    erased_at: datetime | None


class Erasure(Answer, frozen=True, kw_only=True):
    """The receipt of an erasure: `confirmed` once the stores were looked at again; `stays` is true of every one."""

    erasure_id: str
    status: Literal["pending", "erased", "confirmed"]
    requested_at: datetime
    erased_at: datetime | None
    confirmed_at: datetime | None
    user_hash: str
    stores: list[ErasedStore]
    stays: list[str]
    user_id: str | None = None
