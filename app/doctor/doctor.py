"""The examination as a whole, from the configuration over data folder and providers to the journal."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack, suppress
from functools import partial
from pathlib import Path

import structlog
from msgspec import Struct, structs

from app.doctor.bounded import run_bounded
from app.doctor.folder import spacious, writable
from app.process.host import offline_host
from app.process.installation import Installation
from app.process.journal_cluster import failure_domains
from app.process.lost_journal import WAY_ON, lost_journal
from app.settings import ConfigError, LoadedSettings, Settings
from app.settings.layers import DEFAULT
from app.settings.limits_in_force import limits_in_force
from app.settings.masking import mask_for
from providers.chain.policy import OperationClass
from providers.errors import Misconfigured, Unavailable
from providers.examination.aside import aside
from providers.examination.check import DATA_DIR, Check, FailureDomain, JournalSubject, Subject
from providers.examination.examination import NO_TIME, Examination, unexplained
from providers.examination.outcome import CheckOutcome, CheckStatus, error, ok, skipped
from providers.native.server_check import STOP_SECONDS


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


class CheckSeries(Struct, frozen=True):
    """Checks that are made one after another, beside those of other parts."""

    examination: Examination
    planned: list[Check]

    async def make(self) -> None:
        """Make them."""
        await self.examination.make_all(self.planned)

    def findings(self) -> Iterator[Finding]:
        """Yield what is found so far, and that the rest was not finished."""
        made = [*self.examination.results]
        for one in made:
            yield _finding(one.check, one.outcome, one.milliseconds)
        for place, check in enumerate(self.planned[len(made) :]):
            yield _finding(check, skipped(NO_TIME) if place else error(HANGS, check.advice), None)


def _finding(check: Check, outcome: CheckOutcome, milliseconds: float | None) -> Finding:
    return Finding(
        name=check.name,
        status=outcome.status,
        found=outcome.found,
        advice=outcome.advice,
        milliseconds=milliseconds,
    )


CONFIG, LIMITS, PROVIDERS, JOURNAL, INSTALLATION = "config", "limits", "providers", "journal", "installation"

# With the start of the program, and an embedded server that hangs at its end, all is over within 20 s.
EXAMINATION_SECONDS = 13.0
_CHECK_SECONDS = 7.0  # so that what comes after one that hangs has a time as well
_CLOSING_SECONDS = STOP_SECONDS + 1.0

HANGS = "it hangs, and cannot even be given up"

_AS_THE_SERVICE = "run this as the user of the service"

_log = structlog.get_logger("ninai")


class Examined(Struct, frozen=True, kw_only=True):
    """A report; `ended` is false if something still hangs, so that the process would not end by itself."""

    report: DoctorReport
    ended: bool


def examine(
    read: Callable[[], LoadedSettings],
    now: Callable[[], float] = time.time,
    seconds: float = EXAMINATION_SECONDS,
) -> Examined:
    """Make every check within so many seconds, and change nothing; `now` returns seconds since 1970.

    `read` may raise `ConfigError`. An embedded server that no service runs is run meanwhile.
    """
    parts: list[CheckSeries] = []
    first = Examination(unexpected=_unexpected, seconds=_CHECK_SECONDS, until=time.perf_counter() + seconds)
    ended = run_bounded(lambda: _examined(read, now, first, parts), seconds + _CLOSING_SECONDS)
    findings = [finding for part in parts for finding in part.findings()]
    ok_so_far = all(one.status is not CheckStatus.ERROR for one in findings)
    return Examined(report=DoctorReport(ok=ok_so_far, findings=findings), ended=ended)


async def _examined(
    read: Callable[[], LoadedSettings], now: Callable[[], float], first: Examination, parts: list[CheckSeries]
) -> None:
    """Make the checks of configuration and host in turn, then those of all providers and the journal side by side.

    `parts` receives them in the order in which they are told.
    """
    usable: list[LoadedSettings] = []

    async def config() -> CheckOutcome:
        try:
            loaded = await aside(read)
        except ConfigError as problem:
            return error(str(problem), "correct that; `ninai config check` tells whether it is right then")
        usable.append(loaded)
        return ok(_sources_of(loaded))

    async def make(examination: Examination, checks: Iterable[Check]) -> None:
        part = CheckSeries(examination, [*checks])
        parts.append(part)
        await part.make()

    await make(first, [Check(CONFIG, config, _AS_THE_SERVICE)])
    if not usable:
        skipping = (Check(name, config, needs=(CONFIG,)) for name in (DATA_DIR, PROVIDERS, JOURNAL))
        await make(first.beside(), skipping)
        return
    [loaded] = usable
    first.mask = mask_for(loaded.settings)
    with ExitStack() as meanwhile:
        host = first.beside()
        await make(host, _host_checks(loaded))
        groups = [*_provider_checks(loaded.settings, now, meanwhile), _journal_checks(loaded.settings, now, meanwhile)]
        await asyncio.gather(*(make(host.beside(), checks) for checks in groups))


def _unexpected(check: Check, failure: Exception) -> CheckOutcome:
    if not isinstance(failure, OSError):
        _log.debug("doctor_bug", check=check.name, exc_info=failure)
    return unexplained(check, failure)


def _host_checks(loaded: LoadedSettings) -> Iterator[Check]:
    """Yield the checks of the settings and the data folder."""
    settings = loaded.settings
    yield Check(LIMITS, partial(_limits, loaded), _AS_THE_SERVICE)
    yield Check(DATA_DIR, partial(aside, partial(writable, settings.data_dir)), _AS_THE_SERVICE)
    space = partial(aside, partial(spacious, settings.data_dir))
    yield Check(f"{DATA_DIR}.space", space, "look whether its disk answers")
    installation = partial(aside, partial(_installation, settings))
    yield Check(f"{DATA_DIR}.{INSTALLATION}", installation, _AS_THE_SERVICE, needs=(DATA_DIR,))


def _provider_checks(settings: Settings, now: Callable[[], float], meanwhile: ExitStack) -> Iterator[Sequence[Check]]:
    """Yield the checks of each provider; `meanwhile` ends what runs for these checks alone."""
    for name in settings.order:
        host = offline_host(name, settings.data_dir)
        provider = Subject(at=f"{PROVIDERS}.{name}", host=host, now=now, meanwhile=meanwhile)
        yield settings.providers[name].checks(provider)


def _journal_checks(settings: Settings, now: Callable[[], float], meanwhile: ExitStack) -> Sequence[Check]:
    """Return the checks of the journal; see `_provider_checks`."""
    journal = JournalSubject(
        at=JOURNAL,
        host=offline_host(JOURNAL, settings.data_dir),
        now=now,
        meanwhile=meanwhile,
        alone=len(settings.order) == 1,
        failure_domains=partial(_failure_domains, settings),
    )
    chosen, checks = settings.journal.resolved(), settings.journal.checks(journal)
    if chosen is None or (file := chosen.file_in(settings.data_dir)) is None:
        return checks
    lost = Check(f"{JOURNAL}.file", partial(aside, partial(_journal_file, settings, file)), _AS_THE_SERVICE)
    return [lost, *(structs.replace(check, needs=(*check.needs, lost.name)) for check in checks)]


async def _failure_domains(settings: Settings) -> dict[str, str | None]:
    """Return the failure domains, all asked at once, since one without an answer takes its whole time limit."""
    found: dict[str, str | None] = {}

    async def ask(name: str, question: FailureDomain) -> None:
        with suppress(Unavailable):
            found[name] = await question()

    await asyncio.gather(*(ask(name, question) for name, question in failure_domains(settings).items()))
    return {name: found[name] for name in settings.order if name in found}


async def _limits(loaded: LoadedSettings) -> CheckOutcome:
    """Describe how long requests may take, and where the numbers are not the defaults."""
    limits = list(limits_in_force(loaded.settings, loaded.origins))
    longest = f"no request lasts longer than {loaded.settings.chain.longest_request:g} s"
    own = [
        f"{one.provider} {one.operation.value}: {one.sentence}"
        for one in limits
        if {one.deadline_from, one.try_limit_from} != {str(DEFAULT)}
    ]
    usual = next(one for one in limits if one.operation is OperationClass.RECALL)
    return ok("; ".join([longest, f"{usual.provider} recall: {usual.sentence}", *own]))


def _installation(settings: Settings) -> CheckOutcome:
    """Tell the id of the installation."""
    installation = Installation.of(settings)
    try:
        found = installation.id()
    except Misconfigured as problem:
        return error(problem.reason, "bring the file back from a backup; with another id the journal is not believed")
    if found is None:
        return ok(f"there is none yet: the first journal puts it into {installation.file}")
    return ok(f"{found}, from {'the settings' if installation.configured else installation.file}")


def _journal_file(settings: Settings, file: Path) -> CheckOutcome:
    """Find out whether the journal's file is gone that was once begun."""
    lost = None
    with suppress(Misconfigured):  # that the id cannot be read is the finding of another check
        lost = lost_journal(settings)
    if lost is not None:
        return error(lost, WAY_ON)
    return ok(str(file) if file.exists() else "none is missing")


def _sources_of(loaded: LoadedSettings) -> str:
    """Name where the settings were read from."""
    counts: Counter[str] = Counter(origin.kind for origin in set(loaded.origins.values()))
    kinds = [kind for kind in ("variable", "option") if counts[kind]]
    counted = [f"{counts[kind]} {kind}{'s' if counts[kind] > 1 else ''}" for kind in kinds]
    return ", ".join([str(loaded.file or "no file"), *counted, "defaults"])
