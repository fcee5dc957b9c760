"""A check that fails, hangs or cannot be made is told of, and never ends the others."""

import asyncio
import threading
from time import perf_counter

from providers.errors import Misconfigured
from providers.examination.aside import aside
from providers.examination.check import Check
from providers.examination.examination import NO_TIME, Examination
from providers.examination.outcome import CheckOutcome, CheckStatus, ok, skipped, warning


def outcomes(examination: Examination) -> dict[str, CheckOutcome]:
    """Return how each check ended, by its name."""
    return {one.check.name: one.outcome for one in examination.results}


async def right() -> CheckOutcome:
    """A check that finds nothing wrong."""
    return ok("right")


async def test_a_bug_is_the_error_of_its_check() -> None:
    """Not a traceback; what comes next is looked at all the same."""

    async def broken() -> CheckOutcome:
        known: dict[str, str] = {}
        return ok(known["no such key"])

    examination = Examination()
    await examination.make(Check("first", broken, "look"))
    await examination.make(Check("second", right, "look"))

    findings = outcomes(examination)
    assert findings["first"].status is CheckStatus.ERROR
    assert findings["first"].found == "this check failed by itself: KeyError: 'no such key'"
    assert findings["second"].status is CheckStatus.OK


async def test_what_a_backend_says_is_told_with_where_to_look() -> None:
    """The errors of providers are made for it."""

    async def refused() -> CheckOutcome:
        raise Misconfigured("the key is wrong")

    examination = Examination()
    await examination.make(Check("first", refused, "look at the key"))

    finding = outcomes(examination)["first"]
    assert (finding.status, finding.found, finding.advice) == (CheckStatus.ERROR, "the key is wrong", "look at the key")


async def test_a_file_that_is_kept_from_us_is_named() -> None:
    """An error of the system says of what."""

    async def closed() -> CheckOutcome:
        raise PermissionError(13, "Permission denied", "/there")

    examination = Examination()
    await examination.make(Check("first", closed, "be the user of the service"))

    assert outcomes(examination)["first"].found == "/there: Permission denied"


async def test_a_check_that_hangs_is_ended() -> None:
    """Also one that no cancellation reaches, in a thread."""
    free = threading.Event()

    async def stuck() -> CheckOutcome:
        return await aside(lambda: ok(str(free.wait(30))))

    async def waits() -> CheckOutcome:
        await asyncio.Event().wait()
        return ok("never")

    examination = Examination(seconds=0.02)
    await examination.make(Check("thread", stuck, "look"))
    await examination.make(Check("task", waits, "look"))
    free.set()

    assert [one.status for one in outcomes(examination).values()] == [CheckStatus.ERROR, CheckStatus.ERROR]
    assert {one.found for one in outcomes(examination).values()} == {"no answer within 0.02 s"}


async def test_what_needs_a_check_that_found_nothing_is_skipped() -> None:
    """With its name; a warning alone keeps nothing back."""

    async def absent() -> CheckOutcome:
        return skipped("it is not there")

    async def old() -> CheckOutcome:
        return warning("it is old", "renew it")

    examination = Examination()
    await examination.make(Check("absent", absent, "look"))
    await examination.make(Check("old", old, "look"))
    await examination.make(Check("after", right, "look", needs=("old", "absent")))
    await examination.make(Check("last", right, "look", needs=("after",)))
    await examination.make(Check("beside", right, "look", needs=("old",)))

    findings = outcomes(examination)
    assert (findings["after"].status, findings["after"].found) == (CheckStatus.SKIPPED, "needs absent")
    assert (findings["last"].found, examination.results[3].milliseconds) == ("needs after", None)
    assert findings["beside"].status is CheckStatus.OK
    assert CheckStatus.ERROR not in {one.status for one in findings.values()}


async def test_a_check_that_had_less_than_its_time_is_not_blamed() -> None:
    """That it did not end in what others have left says little about it, and is told so."""

    async def waits() -> CheckOutcome:
        await asyncio.Event().wait()
        return ok("never")

    examination = Examination(until=perf_counter() + 0.02)
    await examination.make(Check("task", waits, "look"))
    await examination.make(Check("late", waits, "look"))

    findings = outcomes(examination)
    assert findings["task"].found.startswith("not finished in the 0.0 s")
    assert (findings["late"].status, findings["late"].found) == (CheckStatus.SKIPPED, NO_TIME)
