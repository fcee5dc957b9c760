"""Having the doctor look at an environment, and reading what it found."""

import asyncio
import time
from collections.abc import Callable
from functools import partial

from app.doctor.doctor import DoctorReport, Finding, examine
from app.settings import load
from providers.examination.outcome import CheckStatus

WITHOUT_VECTORS = {"NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "none"}


async def examined(now: Callable[[], float] = time.time, /, **environ: str) -> DoctorReport:
    """Have it look, beside this loop, in which the servers live that it asks; only these settings are there."""
    done = await asyncio.to_thread(examine, partial(load, None, {"XDG_DATA_HOME": "/xdg", **environ}), now)
    assert done.ended
    return done.report


async def found(now: Callable[[], float] = time.time, /, **environ: str) -> dict[str, Finding]:
    """The findings by their names."""
    return by_name(await examined(now, **environ))


async def found_in(database: str, now: Callable[[], float] = time.time, /, **environ: str) -> dict[str, Finding]:
    """The findings about one database without an embedder, each without what stands before it in the name."""
    findings = await found(now, DATABASE_URL=database, **WITHOUT_VECTORS, **environ)
    return {name.removeprefix("providers.native."): one for name, one in findings.items()}


def by_name(report: DoctorReport) -> dict[str, Finding]:
    """The findings by their names, of which none is there twice."""
    findings = {one.name: one for one in report.findings}
    assert len(findings) == len(report.findings)
    return findings


def wrong(findings: dict[str, Finding]) -> dict[str, CheckStatus]:
    """What is neither right nor without meaning, but for the room on the disk of whoever runs the tests."""
    return {
        name: one.status
        for name, one in findings.items()
        if one.status in {CheckStatus.WARNING, CheckStatus.ERROR} and name != "data_dir.space"
    }
