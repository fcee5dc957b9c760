"""Checks made one after another: none hangs, none ends the others, and none is made without what it needs."""

import asyncio
from collections.abc import Callable, Iterable
from time import perf_counter

from msgspec import Struct, structs

from observability.one_line import in_one_line
from providers.embedders.base import EmbedderUnavailable
from providers.errors import ProviderError, TimedOut
from providers.examination.check import Check, CheckResult
from providers.examination.outcome import CheckFailed, CheckOutcome, error, ok, skipped

# More than a provider has for an operation, and more than a connection may take.
CHECK_SECONDS = 10.0

NO_TIME = "not examined: what hangs has taken all of the time"

BUG_ADVICE = "please report this as a bug"

# Turns an exception into an outcome that no backend may raise.
Unexpected = Callable[[Check, Exception], CheckOutcome]


def unexplained(check: Check, failure: Exception) -> CheckOutcome:
    """Name the file that the system refuses; everything else is a bug of the check."""
    if isinstance(failure, OSError):
        return error(f"{failure.filename or 'the system'}: {failure.strerror or _words(failure)}", check.advice)
    return error(f"this check failed by itself: {type(failure).__name__}: {failure}", BUG_ADVICE)


class Examination(Struct, kw_only=True):
    """The results of the checks made so far, in order.

    `mask` takes the secrets out of what was found; advice is in our own words. `seconds` is the time limit of a check,
    None for no limit, and `until` is the moment of `perf_counter` by which all of them end. `unexpected` explains
    exceptions that no backend may raise.
    """

    mask: Callable[[str], str] = in_one_line
    seconds: float | None = CHECK_SECONDS
    until: float | None = None
    unexpected: Unexpected = unexplained
    results: list[CheckResult] = []
    _passed: set[str] = set()

    def beside(self) -> "Examination":
        """Return one of further checks, which are made at the same time as others and may need what passed so far."""
        return structs.replace(self, results=[], _passed={*self._passed})

    async def make(self, check: Check) -> None:
        """Make a check within its time limit, unless a check that it needs has failed, or no time is left."""
        missing = next((need for need in check.needs if need not in self._passed), None)
        if missing is not None:
            self._note(check, skipped(f"needs {missing}"), None)
            return
        if self.until is not None and perf_counter() >= self.until:
            self._note(check, skipped(NO_TIME), None)
            return
        started = perf_counter()
        outcome = await self.attempt(check)
        self._note(check, outcome, round((perf_counter() - started) * 1000, 1))

    async def make_all(self, checks: Iterable[Check]) -> None:
        """Make them one after another."""
        for check in checks:
            await self.make(check)

    async def attempt(self, check: Check) -> CheckOutcome:
        """Make a check without noting its result."""
        seconds = self._seconds_for(check)
        clock = asyncio.timeout(seconds)
        try:
            async with clock:
                return await check.work() or ok()
        except Exception as failure:  # noqa: BLE001 - the result of this check, cause kept; raised, it would end the others
            if isinstance(failure, TimeoutError) and clock.expired():
                outcome = error(_overdue(self._limit_of(check), seconds), check.advice, label=TimedOut.outcome)
            else:
                outcome = _expected(check, failure) or self.unexpected(check, failure)
            return structs.replace(outcome, cause=failure)

    def _seconds_for(self, check: Check) -> float | None:
        limit = self._limit_of(check)
        if self.until is None:
            return limit
        left = max(0.0, self.until - perf_counter())
        return left if limit is None else min(limit, left)

    def _limit_of(self, check: Check) -> float | None:
        return self.seconds if check.seconds is None else check.seconds

    def _note(self, check: Check, outcome: CheckOutcome, milliseconds: float | None) -> None:
        if not outcome.blocks:
            self._passed.add(check.name)
        outcome = structs.replace(
            outcome, found=self.mask(outcome.found), advice=outcome.advice and in_one_line(outcome.advice)
        )
        self.results.append(CheckResult(check=check, outcome=outcome, milliseconds=milliseconds))


def _expected(check: Check, failure: Exception) -> CheckOutcome | None:
    """Return the outcome of an error that is made to be shown, None for any other."""
    if isinstance(failure, TimeoutError):
        return error(_words(failure), check.advice, label=TimedOut.outcome)
    if isinstance(failure, EmbedderUnavailable):
        return error(_words(failure), failure.advice or check.advice, label=failure.outcome)
    if isinstance(failure, (ProviderError, CheckFailed)):
        return error(_words(failure), check.advice, label=failure.outcome)
    return None


def _overdue(limit: float | None, seconds: float | None) -> str:
    """Describe a check without an end: one that had less than its time limit may not be to blame."""
    return (
        f"no answer within {seconds:g} s" if seconds == limit else f"not finished in the {seconds:.1f} s that were left"
    )


def _words(failure: BaseException) -> str:
    return str(failure) or type(failure).__name__
