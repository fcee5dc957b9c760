"""The schemas of an import's answer: a result for each line."""

from typing import Literal

from msgspec import Struct

from app.http.problems import Problem


class ImportResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one line: `memory_id` is where its memory is now, `former_id` what the line calls it, if other.

    `kept` is a memory under whose id something else is stored, which stays as it is; `skipped` is a line that stores
    nothing, such as the header and what was deleted.
    """

    line: int
    status: Literal["stored", "accepted", "kept", "skipped", "failed"]
    memory_id: str | None = None
    former_id: str | None = None
    problem: Problem | None = None


class ImportResponse(Struct, frozen=True):
    """The result for each line that is not blank, in their order, and how many there are of each kind."""

    results: list[ImportResult]
    stored: int
    kept: int
    skipped: int
    failed: int
