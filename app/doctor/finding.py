"""What a check comes to, and the report that all of them make."""

from enum import StrEnum

from msgspec import Struct


class Status(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class Outcome(Struct, frozen=True, kw_only=True):
    """The end of a check in the words of the check; `blocks` if what needs it has nothing to look at."""

    status: Status
    found: str
    advice: str | None = None
    blocks: bool = False


class Finding(Struct, frozen=True, kw_only=True):
    """One line of a report.

    `name` is the same in every release; `found` says in one line what there is, `advice` what to do about it, None if
    nothing. `milliseconds` is what the check took, None if it was skipped before it began.
    """

    name: str
    status: Status
    found: str
    advice: str | None
    milliseconds: float | None


class Report(Struct, frozen=True, kw_only=True):
    """All findings in the order of the checks; `ok` if none of them is an error, however many are warnings."""

    ok: bool
    findings: list[Finding]


def ok(found: str) -> Outcome:
    """All is as it should be."""
    return Outcome(status=Status.OK, found=found)


def warning(found: str, advice: str, *, blocks: bool = False) -> Outcome:
    """The service can serve, but somebody should look."""
    return Outcome(status=Status.WARNING, found=found, advice=advice, blocks=blocks)


def error(found: str, advice: str) -> Outcome:
    """The service cannot serve, or not as it is configured to."""
    return Outcome(status=Status.ERROR, found=found, advice=advice, blocks=True)


def skipped(found: str) -> Outcome:
    """There is nothing to look at, and nothing wrong with that."""
    return Outcome(status=Status.SKIPPED, found=found, blocks=True)
