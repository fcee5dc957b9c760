"""What a check comes to, and the report that all of them make."""

from enum import StrEnum

from msgspec import Struct


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class CheckOutcome(Struct, frozen=True, kw_only=True):
    """The end of a check in the words of the check; `blocks` if what needs it has nothing to look at."""

    status: CheckStatus
    found: str
    advice: str | None = None
    blocks: bool = False


class Finding(Struct, frozen=True, kw_only=True):
    """One line of a report.

    `name` is the same in every release; `found` says in one line what there is, `advice` what to do about it, None if
    nothing. `milliseconds` is what the check took, None if it was skipped before it began.
    """

    name: str
    status: CheckStatus
    found: str
    advice: str | None
    milliseconds: float | None


class DoctorReport(Struct, frozen=True, kw_only=True):
    """All findings in the order of the checks; `ok` if none of them is an error, however many are warnings."""

    ok: bool
    findings: list[Finding]


def ok(found: str) -> CheckOutcome:
    """All is as it should be."""
    return CheckOutcome(status=CheckStatus.OK, found=found)


def warning(found: str, advice: str, *, blocks: bool = False) -> CheckOutcome:
    """The service can serve, but somebody should look."""
    return CheckOutcome(status=CheckStatus.WARNING, found=found, advice=advice, blocks=blocks)


def error(found: str, advice: str) -> CheckOutcome:
    """The service cannot serve, or not as it is configured to."""
    return CheckOutcome(status=CheckStatus.ERROR, found=found, advice=advice, blocks=True)


def skipped(found: str) -> CheckOutcome:
    """There is nothing to look at, and nothing wrong with that."""
    return CheckOutcome(status=CheckStatus.SKIPPED, found=found, blocks=True)
