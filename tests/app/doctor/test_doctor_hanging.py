"""The doctor ends whatever hangs, and tells what was not finished."""

import asyncio
import contextlib
import socket
from collections.abc import Iterator
from functools import partial
from threading import Event

import pytest

from app.doctor.bounded import run_bounded
from app.doctor.doctor import HANGS, CheckSeries, examine
from app.settings import load
from providers.examination.check import Check
from providers.examination.examination import NO_TIME, Examination
from providers.examination.outcome import CheckOutcome, CheckStatus, ok
from tests.app.doctor.examining import WITHOUT_VECTORS, by_name

SECONDS = 4.0  # of which the checks of what does not hang need a small part


@pytest.fixture
def silent() -> Iterator[str]:
    """The address of a server that takes connections, and never says anything."""
    with socket.create_server(("127.0.0.1", 0), backlog=64) as server:
        host, port = server.getsockname()
        yield f"{host}:{port}"


async def test_servers_that_never_answer_are_named_side_by_side(silent: str) -> None:
    """Each of them has the whole time, and what needs it is skipped; what comes after them is examined as well."""
    environ = {
        "NINAI__DATA_DIR": "/nowhere",
        "NINAI__ORDER": "native,mem0,mock",
        "NINAI__PROVIDERS__NATIVE__DSN": f"postgresql+asyncpg://ninai:x@{silent}/ninai",
        "NINAI__PROVIDERS__MEM0__KIND": "mem0",
        "NINAI__PROVIDERS__MEM0__BASE_URL": f"http://{silent}",
        "NINAI__PROVIDERS__MOCK__KIND": "mock",
        "NINAI__JOURNAL__KIND": "postgres",
        "NINAI__JOURNAL__DSN": f"postgresql+asyncpg://ninai:x@{silent}/journal",
        **WITHOUT_VECTORS,
    }

    examined = await asyncio.to_thread(examine, partial(load, None, environ), seconds=SECONDS)

    findings = by_name(examined.report)
    hanging = ("providers.native.database", "providers.mem0.health", "journal.database")
    assert {name: findings[name].status for name in hanging} == dict.fromkeys(hanging, CheckStatus.ERROR)
    assert all(findings[name].advice for name in hanging)
    assert findings["providers.mock.health"].status is CheckStatus.OK
    assert findings["providers.native.schema"].found.startswith("needs providers.native.")
    assert (examined.report.ok, examined.ended) == (False, True)


async def test_what_there_is_no_time_for_is_told() -> None:
    """A check that was begun is an error, those after it are skipped."""

    async def waits() -> CheckOutcome:
        await asyncio.Event().wait()
        return ok("never")

    part = CheckSeries(Examination(seconds=None, until=0.0), [Check("late", waits)])
    await part.make()

    [finding] = part.findings()
    assert (finding.status, finding.found, finding.milliseconds) == (CheckStatus.SKIPPED, NO_TIME, None)


def test_what_cannot_even_be_cancelled_is_left_behind() -> None:
    """A check that blocks the loop, and a lookup of a name in a thread that the loop waits for."""
    free = Event()

    async def blocks() -> CheckOutcome:
        free.wait()
        return ok("never")

    part = CheckSeries(Examination(), [Check("first", blocks, "look there"), Check("second", blocks)])
    ended = run_bounded(part.make, 0.1), run_bounded(partial(_looks_up, free), 0.1)

    first, second = part.findings()
    assert ended == (False, False)
    assert (first.status, first.found, first.advice) == (CheckStatus.ERROR, HANGS, "look there")
    assert (second.status, second.found) == (CheckStatus.SKIPPED, NO_TIME)
    free.set()


async def _looks_up(free: Event) -> None:
    with contextlib.suppress(TimeoutError):
        async with asyncio.timeout(0):
            await asyncio.to_thread(free.wait)


def test_a_bug_of_the_doctor_itself_is_shown() -> None:
    """It is raised where it is called."""

    async def broken() -> None:
        raise ValueError("a bug")

    with pytest.raises(ValueError, match="a bug"):
        run_bounded(broken, 10.0)
