"""The test of one provider without the service: its round trip, and its report."""

import time
from collections.abc import Iterator
from contextlib import AsyncExitStack, ExitStack

import structlog
from msgspec import Struct

from app.cli.round_trip import RoundTrip
from app.cli.tables import table
from app.settings.annotations import tag_of
from app.settings.masking import mask_for
from providers.errors import InvalidInput, Misconfigured, Throttled, TimedOut, Unavailable
from providers.examination.check import Check, CheckResult, Subject
from providers.examination.examination import Examination
from providers.examination.outcome import CheckOutcome, CheckStatus, error
from providers.factory import MemoryProviderFactory, ProviderSettings
from providers.host import Host
from providers.replica import Replica

OPEN, BUG = "open", "bug"

# More than the service waits for any operation: a language model in between may be slow.
STEP_SECONDS = 60.0

_log = structlog.get_logger("ninai")

_HEAD = ("operation", "outcome")


class Step(Struct, frozen=True, kw_only=True):
    """Record one operation: `ok`, `skipped`, or how it failed in the words of its error, and how long it took."""

    operation: str
    outcome: str
    milliseconds: float | None = None
    error: str | None = None


class Failure(Struct, frozen=True, kw_only=True):
    """Hold an error, the operations that had it, and what an operator should check."""

    operations: list[str]
    error: str
    advice: str


class ProviderTestReport(Struct, frozen=True, kw_only=True):
    """Hold the result of a test; `left_behind` is why memories of `user` are still there, None if there are none.

    `dialect` is the provider's, where it has one and that is known.
    """

    provider: str
    kind: str
    ok: bool
    dialect: str | None
    steps: list[Step]
    failures: list[Failure]
    user: str
    left_behind: str | None


def trial_of(settings: ProviderSettings) -> Examination:
    """Return an examination that has not begun, with the secrets of the provider masked."""
    return Examination(mask=mask_for(settings), seconds=STEP_SECONDS, unexpected=_bug)


def _bug(check: Check, failure: Exception) -> CheckOutcome:
    # Its words may quote anything; the log has the place without the words.
    _log.error("provider_test_bug", operation=check.name, exc_info=failure)
    return error(f"not an error that a provider may raise: {type(failure).__name__}", None, label=BUG)


async def tried(settings: ProviderSettings, host: Host, trip: RoundTrip, trial: Examination) -> None:
    """Open a provider, make the round trip, and close it."""
    with ExitStack() as meanwhile:
        subject = Subject(at=f"providers.{host.name}", host=host, now=time.time, meanwhile=meanwhile)
        await trial.make_all(settings.parts_to_try(subject))
    async with AsyncExitStack() as stack:
        opened: list[Replica] = []

        async def enter() -> None:
            opened.append(await stack.enter_async_context(MemoryProviderFactory.create_provider(settings, host)))

        await trial.make(Check(OPEN, enter))
        for provider in opened:
            await trip.make(provider, trial)


def report_of(name: str, settings: ProviderSettings, trip: RoundTrip, trial: Examination) -> ProviderTestReport:
    """Return the report of a test, without secrets."""
    return ProviderTestReport(
        provider=name,
        kind=str(tag_of(type(settings))),
        ok=trip.left_behind is None and all(one.outcome.status is CheckStatus.OK for one in trial.results),
        dialect=trip.health.get("dialect"),
        steps=[_step(one) for one in trial.results],
        failures=_failures(name, settings, trial.results),
        user=trip.user,
        left_behind=trip.left_behind and trial.mask(trip.left_behind),
    )


def _step(one: CheckResult) -> Step:
    outcome, spent = one.outcome, one.milliseconds
    return Step(operation=one.check.name, outcome=outcome.ended, milliseconds=spent, error=outcome.found or None)


def _failures(name: str, settings: ProviderSettings, results: list[CheckResult]) -> list[Failure]:
    """Return each error once, with the operations that had it."""
    by_error: dict[str, list[CheckResult]] = {}
    for one in results:
        if one.outcome.status is CheckStatus.ERROR:
            by_error.setdefault(one.outcome.found, []).append(one)
    return [
        Failure(operations=[one.check.name for one in alike], error=error, advice=_advice(name, settings, alike))
        for error, alike in by_error.items()
    ]


def _advice(name: str, settings: ProviderSettings, alike: list[CheckResult]) -> str:
    """Return the advice for the most informative outcome: that of a health check is always the same."""
    if (advice := alike[0].check.advice) is not None:
        return advice
    ends = (one.outcome.ended for one in alike)
    end = next((end for end in ends if end != Unavailable.outcome), Unavailable.outcome)
    places = settings.advice(name)
    return {
        Misconfigured.outcome: places.access,
        TimedOut.outcome: f"the load there, the way there, and providers.{name}.timeout",
        Throttled.outcome: "what the account there is allowed",
        Unavailable.outcome: f"whether it runs and can be reached from here: {places.address}",
        InvalidInput.outcome: f"its log: it refuses what every provider takes; {places.access}",
        BUG: "the log above; please report it",
    }.get(end, places.keeping)


def in_words(report: ProviderTestReport) -> str:
    """Draw the table, with remarks below it."""
    return "\n".join([_table(report.steps), *_remarks(report)])


def _table(steps: list[Step]) -> str:
    spent = ["-" if step.milliseconds is None else f"{step.milliseconds:.1f}" for step in steps]
    width = max(len(text) for text in [*spent, "ms"])
    rows = [(step.operation, step.outcome, text.rjust(width)) for step, text in zip(steps, spent, strict=True)]
    return table((*_HEAD, "ms".rjust(width)), rows)


def _remarks(report: ProviderTestReport) -> Iterator[str]:
    """Yield the remarks below the table."""
    if report.ok:
        yield f"{report.provider} does all that it should"
    if report.dialect is not None:
        yield f"{report.provider} speaks the dialect {report.dialect}"
    for failure in report.failures:
        yield f"{', '.join(failure.operations)}: {failure.error}"
        yield f"  look at {failure.advice}"
    yield remains(report)


def remains(report: ProviderTestReport) -> str:
    """Describe whether memories of the user are left."""
    if report.left_behind is None:
        return f"no memories of the user {report.user} are left at {report.provider}"
    return f"memories of the user {report.user} may be left at {report.provider}: {report.left_behind}"
