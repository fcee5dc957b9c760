"""The schemas of an import's answer: a result for each line."""

from collections import Counter
from typing import Literal

from msgspec import Struct

from app.http.problems import Problem


class ImportResult(Struct, frozen=True, omit_defaults=True, kw_only=True):
    """What became of one line: `memory_id` is where its memory is now, `former_id` what the line calls it, if other.

    `kept` is a memory under whose id something else is stored, which stays as it is, or a version that is newer than
    its memory, or that its history has already; `skipped` is a line that stores nothing: the header, what was deleted,
    and versions that are older than those that are kept here. A line of a superseded version has its `version`.
    """

    line: int
    status: Literal["stored", "accepted", "kept", "skipped", "failed"]
    memory_id: str | None = None
    former_id: str | None = None
    version: str | None = None
    problem: Problem | None = None


class ImportResponse(Struct, frozen=True):
    """The result for each line that is not blank, in their order, and how many there are of each kind.

    `stored` and `kept` count memories; `versions` counts the superseded versions that are new.
    """

    results: list[ImportResult]
    stored: int
    kept: int
    skipped: int
    failed: int
    versions: int = 0


def import_response(results: list[ImportResult]) -> ImportResponse:
    """Return the answer to an import with these results."""
    done = Counter(result.status for result in results if result.version is None)
    versions = Counter(result.status for result in results if result.version is not None)
    return ImportResponse(
        results,
        stored=done["stored"] + done["accepted"],
        kept=done["kept"],
        skipped=done["skipped"] + versions["skipped"] + versions["kept"],
        failed=done["failed"] + versions["failed"],
        versions=versions["stored"] + versions["accepted"],
    )
