"""A check that fails, hangs or cannot be made is told of, and never ends the others."""

import asyncio
import threading

import pytest

from app.doctor.examination import Examination, aside
from app.doctor.finding import CheckOutcome, CheckStatus, ok, skipped, warning
from app.settings import load
from app.settings.masking import mask_for
from providers.errors import Misconfigured
from tests.app.doctor.examining import by_name


async def right() -> CheckOutcome:
    """A check that finds nothing wrong."""
    return ok("right")


async def test_a_bug_is_the_error_of_its_check() -> None:
    """Not a traceback; what comes next is looked at all the same."""

    async def broken() -> CheckOutcome:
        known: dict[str, str] = {}
        return ok(known["no such key"])

    examination = Examination()
    await examination.check("first", broken, advice="look")
    await examination.check("second", right, advice="look")

    findings = by_name(examination.report())
    assert findings["first"].status is CheckStatus.ERROR
    assert findings["first"].found == "this check failed by itself: KeyError: 'no such key'"
    assert findings["second"].status is CheckStatus.OK
    assert not examination.report().ok


async def test_what_a_backend_says_is_told_with_where_to_look() -> None:
    """The errors of providers are made for it."""

    async def refused() -> CheckOutcome:
        raise Misconfigured("the key is wrong")

    examination = Examination()
    await examination.check("first", refused, advice="look at the key")

    [finding] = examination.report().findings
    assert (finding.status, finding.found, finding.advice) == (CheckStatus.ERROR, "the key is wrong", "look at the key")


async def test_a_file_that_is_kept_from_us_is_named() -> None:
    """An error of the system says of what."""

    async def closed() -> CheckOutcome:
        raise PermissionError(13, "Permission denied", "/there")

    examination = Examination()
    await examination.check("first", closed, advice="be the user of the service")

    assert examination.report().findings[0].found == "/there: Permission denied"


async def test_a_check_that_hangs_is_ended() -> None:
    """Also one that no cancellation reaches, in a thread."""
    free = threading.Event()

    async def stuck() -> CheckOutcome:
        return await aside(lambda: ok(str(free.wait(30))))

    async def waits() -> CheckOutcome:
        await asyncio.Event().wait()
        return ok("never")

    examination = Examination(seconds=0.02)
    await examination.check("thread", stuck, advice="look")
    await examination.check("task", waits, advice="look")
    free.set()

    assert [one.status for one in examination.report().findings] == [CheckStatus.ERROR, CheckStatus.ERROR]
    assert {one.found for one in examination.report().findings} == {"no answer within 0.02 s"}


async def test_what_needs_a_check_that_found_nothing_is_skipped() -> None:
    """With its name; a warning alone keeps nothing back."""

    async def absent() -> CheckOutcome:
        return skipped("it is not there")

    async def old() -> CheckOutcome:
        return warning("it is old", "renew it")

    examination = Examination()
    await examination.check("absent", absent, advice="look")
    await examination.check("old", old, advice="look")
    await examination.check("after", right, advice="look", needs=("old", "absent"))
    await examination.check("last", right, advice="look", needs=("after",))
    await examination.check("beside", right, advice="look", needs=("old",))

    findings = by_name(examination.report())
    assert (findings["after"].status, findings["after"].found) == (CheckStatus.SKIPPED, "needs absent")
    assert (findings["last"].found, findings["last"].milliseconds) == ("needs after", None)
    assert findings["beside"].status is CheckStatus.OK
    assert examination.report().ok


def test_no_secret_of_the_settings_is_told() -> None:
    """Neither a key nor a password, escaped or not; nor what a terminal would take for a command."""
    environ = {
        "MEMORY_PROVIDER": "native,http",
        "DATABASE_URL": "postgresql://me:s3cr%40t@host/x",
        "MEM0_API_KEY": "key-7Qx",
        "MEM0_HMAC_SECRET": "hmac-7Qx",
    }
    mask = mask_for(load(None, environ).settings)

    assert mask("s3cr@t s3cr%40t key-7Qx hmac-7Qx") == "******** ******** ******** ********"
    assert mask("postgresql://me:other@host/x\nand\x1b[2J more") == "postgresql://********@host/x and\\x1b[2J more"


@pytest.mark.parametrize("password", ["s3cr[t", "s3]cret", "[s3cret]", "s3/cr?e#t", "s3:cret"])
def test_the_password_of_a_dsn_is_what_the_database_is_told(password: str) -> None:
    """It is none the less told to nobody else where a URL should have escaped it."""
    mask = mask_for(load(None, {"DATABASE_URL": f"postgresql://me:{password}@host/x"}).settings)

    assert mask(f"{password} is wrong") == "******** is wrong"


def test_a_short_secret_takes_no_letter_out_of_a_word() -> None:
    """Only where it stands by itself is it one."""
    mask = mask_for(load(None, {"MEMORY_PROVIDER": "http", "MEM0_API_KEY": "k"}).settings)

    assert mask("k looks like key=k") == "******** looks like key=********"
