"""The examination as a whole, from the configuration over data folder and providers to the journal."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from functools import partial

import structlog
from msgspec import Struct

from app.doctor.folder import spacious, writable
from app.process.host import offline_host
from app.process.installation import Installation
from app.process.journal_cluster import failure_domains
from app.settings import ConfigError, LoadedSettings, Settings
from app.settings.layers import DEFAULT
from app.settings.limits_in_force import limits_in_force
from app.settings.masking import mask_for
from providers.chain.policy import OperationClass
from providers.errors import Misconfigured, Unavailable
from providers.examination.aside import aside
from providers.examination.check import DATA_DIR, Check, FailureDomain, JournalSubject, Subject
from providers.examination.examination import Examination, unexplained
from providers.examination.outcome import CheckOutcome, CheckStatus, error, ok


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


def _report_of(examination: Examination) -> DoctorReport:
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


CONFIG, LIMITS, PROVIDERS, JOURNAL, INSTALLATION = "config", "limits", "providers", "journal", "installation"

_AS_THE_SERVICE = "run this as the user of the service"

_log = structlog.get_logger("ninai")


def examine(read: Callable[[], LoadedSettings], now: Callable[[], float] = time.time) -> DoctorReport:
    """Make every check, and change nothing; `now` returns seconds since 1970.

    `read` may raise `ConfigError`. An embedded server that no service runs is run meanwhile, in this thread.
    """
    return asyncio.run(_examined(read, now))


async def _examined(read: Callable[[], LoadedSettings], now: Callable[[], float]) -> DoctorReport:
    examination = Examination(unexpected=_unexpected)
    usable: list[LoadedSettings] = []

    async def config() -> CheckOutcome:
        try:
            loaded = await aside(read)
        except ConfigError as problem:
            return error(str(problem), "correct that; `ninai config check` tells whether it is right then")
        usable.append(loaded)
        return ok(_sources_of(loaded))

    await examination.make(Check(CONFIG, config, _AS_THE_SERVICE))
    if not usable:
        await examination.make_all(Check(name, config, needs=(CONFIG,)) for name in (DATA_DIR, PROVIDERS, JOURNAL))
        return _report_of(examination)
    [loaded] = usable
    examination.mask = mask_for(loaded.settings)
    with ExitStack() as meanwhile:
        await examination.make_all(_checks(loaded, now, meanwhile))
    return _report_of(examination)


def _unexpected(check: Check, failure: Exception) -> CheckOutcome:
    if not isinstance(failure, OSError):
        _log.debug("doctor_bug", check=check.name, exc_info=failure)
    return unexplained(check, failure)


def _checks(loaded: LoadedSettings, now: Callable[[], float], meanwhile: ExitStack) -> Iterator[Check]:
    """Yield the checks of a configuration; `meanwhile` ends what runs for these checks alone."""
    settings = loaded.settings
    yield Check(LIMITS, partial(_limits, loaded), _AS_THE_SERVICE)
    yield Check(DATA_DIR, partial(aside, partial(writable, settings.data_dir)), _AS_THE_SERVICE)
    space = partial(aside, partial(spacious, settings.data_dir))
    yield Check(f"{DATA_DIR}.space", space, "look whether its disk answers")
    installation = partial(aside, partial(_installation, settings))
    yield Check(f"{DATA_DIR}.{INSTALLATION}", installation, _AS_THE_SERVICE, needs=(DATA_DIR,))
    for name in settings.order:
        host = offline_host(name, settings.data_dir)
        provider = Subject(at=f"{PROVIDERS}.{name}", host=host, now=now, meanwhile=meanwhile)
        yield from settings.providers[name].checks(provider)
    journal = JournalSubject(
        at=JOURNAL,
        host=offline_host(JOURNAL, settings.data_dir),
        now=now,
        meanwhile=meanwhile,
        alone=len(settings.order) == 1,
        failure_domains=partial(_failure_domains, settings),
    )
    yield from settings.journal.checks(journal)


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


def _sources_of(loaded: LoadedSettings) -> str:
    """Name where the settings were read from."""
    counts: Counter[str] = Counter(origin.kind for origin in set(loaded.origins.values()))
    kinds = [kind for kind in ("variable", "option") if counts[kind]]
    counted = [f"{counts[kind]} {kind}{'s' if counts[kind] > 1 else ''}" for kind in kinds]
    return ", ".join([str(loaded.file or "no file"), *counted, "defaults"])
