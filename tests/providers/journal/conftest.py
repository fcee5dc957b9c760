"""A fixture for each kind of journal; each test has a new one, since all users of a journal share its members."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager, nullcontext
from pathlib import Path

import pytest
import pytest_asyncio
from sqlalchemy import make_url

from observability.secret import Secret
from providers.journal.base import Journal
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.sqlite.settings import SqliteJournalSettings
from providers.native.embedded import EmbeddedServer
from tests.providers.journal.rig import host_in
from tests.support.postgres import connected, create_database, drop_database

# Opens one and the same journal as often as it is called, as several processes do.
Opener = Callable[[], AbstractAsyncContextManager[Journal]]


def sqlite(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Opener]:
    """Return the place of a journal in a file."""
    folder: Path = request.getfixturevalue("tmp_path")
    return nullcontext(lambda: SqliteJournalSettings().open(host_in(folder)))


def postgres(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Opener]:
    """Return the place of a journal in PostgreSQL."""
    server: EmbeddedServer = request.getfixturevalue("postgres_server")
    template: str = request.getfixturevalue("journal_template")
    folder: Path = request.getfixturevalue("tmp_path")

    @asynccontextmanager
    async def held() -> AsyncIterator[Opener]:
        dsn = await create_database(server, template)
        async with connected(dsn) as connection:
            await connection.execute(_AS_NEW)
        # A busy machine may need longer than a write should.
        yield lambda: PostgresJournalSettings(dsn=Secret(dsn), timeout=10).open(host_in(folder))
        await drop_database(server, dsn)

    return held()


# What a journal has that was made now.
_AS_NEW = """UPDATE ninai_journal SET id = gen_random_uuid(), made_at = clock_timestamp(),
    watched_at = clock_timestamp(), watched_since = clock_timestamp()"""


@pytest_asyncio.fixture(scope="session")
async def journal_template(
    postgres_server: EmbeddedServer, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[str]:
    """Return the name of a database with the tables of a journal: a copy costs half of making them."""
    dsn = await create_database(postgres_server, "template1")
    async with PostgresJournalSettings(dsn=Secret(dsn), timeout=10).open(host_in(tmp_path_factory.mktemp("journal"))):
        pass
    yield str(make_url(dsn).database)
    await drop_database(postgres_server, dsn)


# A new journal joins the contract with one line here.
JOURNALS: list[tuple[str, Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Opener]]]] = [
    ("sqlite", sqlite),
    ("postgres", postgres),
]


@pytest.fixture(params=[pytest.param(make, id=name) for name, make in JOURNALS])
def place(request: pytest.FixtureRequest) -> AbstractAsyncContextManager[Opener]:
    """Return the place of an unused journal; the server that it needs is running."""
    make: Callable[[pytest.FixtureRequest], AbstractAsyncContextManager[Opener]] = request.param
    return make(request)


@pytest_asyncio.fixture
async def opener(place: AbstractAsyncContextManager[Opener]) -> AsyncIterator[Opener]:
    """Return the function that opens that journal."""
    async with place as opened:
        yield opened


@pytest_asyncio.fixture
async def empty(opener: Opener) -> AsyncIterator[Journal]:
    """Return a journal without members."""
    async with opener() as opened:
        yield opened


@pytest_asyncio.fixture
async def journal(empty: Journal) -> Journal:
    """Return a journal with the members `home` and `standby`."""
    await empty.join("home", "store of home")
    await empty.join("standby", "store of standby")
    return empty


@pytest_asyncio.fixture
async def elsewhere(opener: Opener, journal: Journal) -> AsyncIterator[Journal]:  # noqa: ARG001 - opened before
    """Return the same journal as another process has it open."""
    async with opener() as opened:
        yield opened
