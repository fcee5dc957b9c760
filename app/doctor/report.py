"""The report of all checks of the doctor."""

from msgspec import Struct

from providers.examination.examination import Examination
from providers.examination.outcome import CheckStatus


class Finding(Struct, frozen=True, kw_only=True):
    """Hold one line of a report.

    `name` is the same in every release; `found` describes in one line what was found, `advice` what to do about it,
    None if nothing. `milliseconds` is what the check took, None if it was skipped before it began.
    """

    name: str
    status: CheckStatus
    found: str
    advice: str | None
    milliseconds: float | None


class DoctorReport(Struct, frozen=True, kw_only=True):
    """Hold all findings in the order of the checks; `ok` if none of them is an error, however many are warnings."""

    ok: bool
    findings: list[Finding]


def report_of(examination: Examination) -> DoctorReport:
    """Return the report of an examination."""
    findings = [
        Finding(
            name=one.check.name,
            status=one.outcome.status,
            found=one.outcome.found,
            advice=one.outcome.advice,
            milliseconds=one.milliseconds,
        )
        for one in examination.results
    ]
    return DoctorReport(ok=all(one.status is not CheckStatus.ERROR for one in findings), findings=findings)
