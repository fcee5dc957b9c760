"""Checks made one after another: none hangs, none ends the others, and none is made without what it needs."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from threading import Thread
from time import perf_counter
from typing import TypeVar

import structlog

from app.doctor.finding import CheckOutcome, CheckStatus, DoctorReport, Finding, error
from app.settings.masking import in_one_line
from providers.embedders.base import EmbedderUnavailable
from providers.errors import ProviderError
from providers.native.embedded import EmbeddedServerError

# More than a provider has for an operation, and more than a connection may take.
CHECK_SECONDS = 10.0

_BUG = "please report this as a bug"

_log = structlog.get_logger("ninai")

T = TypeVar("T")


class Examination:
    """What has been found so far, in order; `mask` takes the secrets out of it. Advice is in our own words."""

    def __init__(self, mask: Callable[[str], str] = in_one_line, seconds: float = CHECK_SECONDS) -> None:
        self.mask = mask
        self._seconds = seconds
        self._findings: list[Finding] = []
        self._passed: set[str] = set()

    async def check(
        self,
        name: str,
        work: Callable[[], Awaitable[CheckOutcome]],
        *,
        advice: str,
        needs: Sequence[str] = (),
        seconds: float | None = None,
    ) -> None:
        """Make a check within a time limit, unless a check that it needs has failed.

        `advice` is for failures that the check does not explain itself.
        """
        missing = next((need for need in needs if need not in self._passed), None)
        if missing is not None:
            self._note(name, CheckOutcome(status=CheckStatus.SKIPPED, found=f"needs {missing}", blocks=True), None)
            return
        started = perf_counter()
        outcome = await _outcome_of(name, work, advice, self._seconds if seconds is None else seconds)
        self._note(name, outcome, round((perf_counter() - started) * 1000, 1))

    def report(self) -> DoctorReport:
        """Return all that was found."""
        return DoctorReport(
            ok=all(one.status is not CheckStatus.ERROR for one in self._findings), findings=list(self._findings)
        )

    def _note(self, name: str, outcome: CheckOutcome, milliseconds: float | None) -> None:
        if not outcome.blocks:
            self._passed.add(name)
        finding = Finding(
            name=name,
            status=outcome.status,
            found=self.mask(outcome.found),
            advice=outcome.advice and in_one_line(outcome.advice),
            milliseconds=milliseconds,
        )
        self._findings.append(finding)


async def _outcome_of(
    name: str, work: Callable[[], Awaitable[CheckOutcome]], advice: str, seconds: float
) -> CheckOutcome:
    clock = asyncio.timeout(seconds)
    try:
        async with clock:
            return await work()
    except TimeoutError as failure:
        return error(f"no answer within {seconds:g} s" if clock.expired() else _words(failure), advice)
    except EmbedderUnavailable as failure:
        return error(_words(failure), failure.advice or advice)
    except (ProviderError, EmbeddedServerError) as failure:
        return error(_words(failure), advice)
    except OSError as failure:
        return error(f"{failure.filename or 'the system'}: {failure.strerror or _words(failure)}", advice)
    except Exception as failure:  # noqa: BLE001 - one check that is wrong must not take the others along
        _log.debug("doctor_bug", check=name, exc_info=failure)
        return error(f"this check failed by itself: {type(failure).__name__}: {failure}", _BUG)


def _words(failure: BaseException) -> str:
    return str(failure) or type(failure).__name__


async def aside(work: Callable[[], T]) -> T:
    """Run `work` in a daemon thread, which the process does not wait for at its end: a file system may hang."""
    loop = asyncio.get_running_loop()
    done: asyncio.Future[T] = loop.create_future()

    def settle(settled: Callable[[], None]) -> None:
        if not done.done():
            settled()

    def run() -> None:
        try:
            result = work()
        except Exception as failure:  # noqa: BLE001 - handed on to whoever waits
            told = failure  # the name in the except clause ends with it
            _told_to(loop, lambda: settle(lambda: done.set_exception(told)))
        else:
            _told_to(loop, lambda: settle(lambda: done.set_result(result)))

    Thread(target=run, name="doctor", daemon=True).start()
    return await done


def _told_to(loop: asyncio.AbstractEventLoop, callback: Callable[[], None]) -> None:
    # A thread that comes back after the end has nobody to tell.
    if not loop.is_closed():
        loop.call_soon_threadsafe(callback)
