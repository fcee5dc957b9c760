"""The examination as a whole, from the configuration over data folder and providers to the journal."""

import asyncio
import time
from collections import Counter
from collections.abc import Callable
from contextlib import ExitStack
from functools import partial

from app.doctor.database import Address
from app.doctor.examination import Examination, aside
from app.doctor.finding import CheckOutcome, DoctorReport, error, ok
from app.doctor.folder import DATA_DIR, spacious, writable
from app.doctor.health import health_of
from app.doctor.journal_examination import JOURNAL, examine_journal
from app.doctor.native_examination import NativeExamination
from app.process.host import offline_host
from app.settings import ConfigError, LoadedSettings, Settings
from app.settings.layers import DEFAULT
from app.settings.limits_in_force import limits_in_force
from app.settings.masking import mask_for
from providers.chain.policy import OperationClass
from providers.mem0.settings import Mem0Settings
from providers.native.settings import NativeSettings

CONFIG, LIMITS, PROVIDERS = "config", "limits", "providers"

_AS_THE_SERVICE = "run this as the user of the service"


def examine(read: Callable[[], LoadedSettings], now: Callable[[], float] = time.time) -> DoctorReport:
    """Make every check, and change nothing; `now` returns seconds since 1970.

    `read` may raise `ConfigError`. An embedded server that no service runs is run meanwhile, in this thread.
    """
    return asyncio.run(_examined(read, now))


async def _examined(read: Callable[[], LoadedSettings], now: Callable[[], float]) -> DoctorReport:
    examination = Examination()
    usable: list[LoadedSettings] = []

    async def config() -> CheckOutcome:
        try:
            loaded = await aside(read)
        except ConfigError as problem:
            return error(str(problem), "correct that; `ninai config check` tells whether it is right then")
        usable.append(loaded)
        return ok(_sources_of(loaded))

    await examination.check(CONFIG, config, advice=_AS_THE_SERVICE)
    if not usable:
        for name in (DATA_DIR, PROVIDERS, JOURNAL):
            await examination.check(name, config, advice=_AS_THE_SERVICE, needs=(CONFIG,))
        return examination.report()
    [loaded] = usable
    settings = loaded.settings
    examination.mask = mask_for(settings)
    await examination.check(LIMITS, partial(_limits, loaded), advice=_AS_THE_SERVICE)
    await examination.check(DATA_DIR, partial(aside, partial(writable, settings.data_dir)), advice=_AS_THE_SERVICE)
    space = partial(aside, partial(spacious, settings.data_dir))
    await examination.check(f"{DATA_DIR}.space", space, advice="look whether its disk answers")
    with ExitStack() as servers:
        addresses = await _examine_providers(examination, settings, now, servers)
        await examine_journal(examination, settings, addresses, now)
    return examination.report()


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


def _sources_of(loaded: LoadedSettings) -> str:
    """Name where the settings were read from."""
    counts: Counter[str] = Counter(origin.kind for origin in set(loaded.origins.values()))
    kinds = [kind for kind in ("variable", "option") if counts[kind]]
    told = [f"{counts[kind]} {kind}{'s' if counts[kind] > 1 else ''}" for kind in kinds]
    return ", ".join([str(loaded.file or "no file"), *told, "defaults"])


async def _examine_providers(
    examination: Examination, settings: Settings, now: Callable[[], float], servers: ExitStack
) -> dict[str, Address]:
    """Check those in the order, and return the databases that answer."""
    addresses: dict[str, Address] = {}
    for name in settings.order:
        provider, at = settings.providers[name], f"{PROVIDERS}.{name}"
        needs: tuple[str, ...] = ()
        look_at = f"look at `ninai providers test {name}`, which tries every operation"
        if isinstance(provider, Mem0Settings):
            look_at = f"look at {at}.base_url, .dialect, .api_key and .hmac_secret, and whether mem0 runs"
        if isinstance(provider, NativeSettings):
            needs = (f"{at}.schema",)
            native = NativeExamination(examination, settings, name, provider, now, servers)
            await native.examine()
            if native.address is not None:
                addresses[name] = native.address
        healthy = partial(health_of, provider, offline_host(name, settings.data_dir), look_at)
        await examination.check(f"{at}.health", healthy, advice=look_at, needs=needs)
    return addresses
