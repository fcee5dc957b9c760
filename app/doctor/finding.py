"""The outcome of a check, and the report of all checks."""

from enum import StrEnum

from msgspec import Struct


class CheckStatus(StrEnum):
    """How a check ended."""

    OK = "ok"
    WARNING = "warning"
    ERROR = "error"
    SKIPPED = "skipped"


class CheckOutcome(Struct, frozen=True, kw_only=True):
    """The outcome of a check; `blocks` if the checks that need it cannot be made."""

    status: CheckStatus
    found: str
    advice: str | None = None
    blocks: bool = False


class Finding(Struct, frozen=True, kw_only=True):
    """One line of a report.

    `name` is the same in every release; `found` describes in one line what was found, `advice` what to do about it,
    None if nothing. `milliseconds` is what the check took, None if it was skipped before it began.
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
    """Return the outcome of a check that passes."""
    return CheckOutcome(status=CheckStatus.OK, found=found)


def warning(found: str, advice: str, *, blocks: bool = False) -> CheckOutcome:
    """Return the outcome of a check that an operator should look at, although the service can serve."""
    return CheckOutcome(status=CheckStatus.WARNING, found=found, advice=advice, blocks=blocks)


def error(found: str, advice: str) -> CheckOutcome:
    """Return the outcome of a check that keeps the service from serving, or from serving as configured."""
    return CheckOutcome(status=CheckStatus.ERROR, found=found, advice=advice, blocks=True)


def skipped(found: str) -> CheckOutcome:
    """Return the outcome of a check that does not apply."""
    return CheckOutcome(status=CheckStatus.SKIPPED, found=found, blocks=True)
