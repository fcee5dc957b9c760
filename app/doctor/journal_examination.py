"""The checks of the journal in their order: its database if it has one, what it holds, and where it lives."""

from collections.abc import Callable
from functools import partial

from app.doctor import clocks, journal, native
from app.doctor.database import Address, DatabaseFacts
from app.doctor.examination import Examination
from app.doctor.finding import CheckOutcome, ok
from app.doctor.folder import DATA_DIR
from app.settings import Settings
from providers.journal.operations import JournalStatus
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.settings import AutoJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings

JOURNAL = "journal"

_DATABASE = f"{JOURNAL}.database"
_FACTS: dict[str, Callable[[DatabaseFacts], CheckOutcome]] = {
    "version": native.version_of,
    "writable": native.writable_of,
}
_COUNTS: dict[str, Callable[[JournalStatus], CheckOutcome]] = {"pending": journal.pending_of, "dead": journal.dead_of}
_LOOK_AT = "look at the settings below journal, and whether its file or database can be reached by this user"


async def examine_journal(
    examination: Examination, settings: Settings, providers: dict[str, Address], now: Callable[[], float]
) -> None:
    """Make all of them; `providers` are the databases that answer, which the journal should not live with."""
    needs: tuple[str, ...] = ()
    if isinstance(settings.journal, PostgresJournalSettings):
        needs = (_DATABASE,)
        await _check_server(examination, journal.address_of(settings.journal), providers, now)
    elif _in_data_dir(settings):
        needs = (DATA_DIR,)
    seen: list[journal.Contents] = []

    async def readable() -> CheckOutcome:
        contents = await journal.contents_of(settings)
        if isinstance(contents, CheckOutcome):
            return contents
        seen.append(contents)
        return journal.journal_of(contents.status)

    async def judged(judge: Callable[[JournalStatus], CheckOutcome]) -> CheckOutcome:
        return judge(seen[0].status)

    async def versions() -> CheckOutcome:
        return clocks.versions_of(seen[0].newest_version, now)

    await examination.check(JOURNAL, readable, advice=_LOOK_AT, needs=needs)
    for part, judge in _COUNTS.items():
        await examination.check(f"{JOURNAL}.{part}", partial(judged, judge), advice=_LOOK_AT, needs=(JOURNAL,))
    await examination.check(f"{JOURNAL}.versions", versions, advice=_LOOK_AT, needs=(JOURNAL,))


async def _check_server(
    examination: Examination, address: Address, providers: dict[str, Address], now: Callable[[], float]
) -> None:
    seen: list[DatabaseFacts] = []

    async def reached() -> CheckOutcome:
        seen.append(await address.facts())
        return ok("it answers")

    async def judged(judge: Callable[[DatabaseFacts], CheckOutcome]) -> CheckOutcome:
        return judge(seen[0])

    await examination.check(_DATABASE, reached, advice=_LOOK_AT)
    for part, judge in _FACTS.items():
        await examination.check(f"{JOURNAL}.{part}", partial(judged, judge), advice=_LOOK_AT, needs=(_DATABASE,))
    clock = partial(clocks.compared, address, now)
    await examination.check(f"{JOURNAL}.clock", clock, advice=_LOOK_AT, needs=(_DATABASE,))
    place = partial(journal.place_of, address, providers)
    await examination.check(f"{JOURNAL}.place", place, advice=_LOOK_AT, needs=(_DATABASE,))


def _in_data_dir(settings: Settings) -> bool:
    chosen = settings.journal
    return isinstance(chosen, AutoJournalSettings) or (
        isinstance(chosen, SqliteJournalSettings) and chosen.path is None
    )
