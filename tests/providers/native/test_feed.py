"""The feed of a user's memories in the database: in an order in which nothing comes in between any more."""

from collections.abc import AsyncIterator
from contextlib import suppress
from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.errors import FeedLost, Unavailable
from providers.feed import FeedPage, FeedPosition, FeedQuery
from providers.native.embedded import EmbeddedServer, wheel_binaries
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.native import open_native_provider
from tests.support.postgres import connected, create_database, make_template, reachable_folder
from tests.support.rollback import copied, put_back
from tests.support.walled import walled_database

ANNA = FeedQuery(owner=Owner("anna"))
INSERT = (
    "INSERT INTO ninai_memories (user_id, id, version, content, digest, created_at, terms)"
    " VALUES ('anna', $1, 1, 'slow tea', '', now(), ninai_terms('slow tea'))"
)


@pytest.fixture
async def provider(database: str) -> AsyncIterator[PostgresMemoryProvider]:
    """A provider without vectors."""
    async with open_native_provider(database) as provider:
        yield provider


def told(page: FeedPage) -> list[str]:
    """The ids of the memories that a page is about."""
    return [change.state.id for change in page.changes]


async def followed(provider: PostgresMemoryProvider, query: FeedQuery, wanted: int) -> list[str]:
    """Follow a feed until so many changes came: what others do in this server may hold it up for a moment."""
    found: list[str] = []
    while len(found) < wanted:
        page = await provider.feed(query)
        found += told(page)
        query = replace(query, after=page.position)
    return found


async def test_what_commits_late_holds_up_what_came_after_it(provider: PostgresMemoryProvider, database: str) -> None:
    """So that both are told, each once, by one who has looked in between."""
    slow = str(uuid4())
    async with connected(database) as connection:
        transaction = connection.transaction()
        await transaction.start()
        await connection.execute(INSERT, slow)
        quick = await provider.remember("anna", "quick tea")
        between = await provider.feed(ANNA)
        await transaction.commit()

    assert told(between) == []
    assert await followed(provider, replace(ANNA, after=between.position), 2) == [slow, quick]


async def test_a_position_goes_on_within_one_transaction(provider: PostgresMemoryProvider) -> None:
    """A batch is one, and its memories have no other order than their ids."""
    await provider.store_many([NewMemory(owner=ANNA.owner, content=f"tea {number}") for number in range(5)])
    ids = await followed(provider, ANNA, 5)
    first = await provider.feed(replace(ANNA, limit=2))

    assert ids == sorted(ids)
    assert (told(first), first.more) == (ids[:2], True)
    assert await followed(provider, replace(ANNA, after=first.position, limit=2), 3) == ids[2:]


async def test_a_page_ends_before_its_bound_in_bytes(provider: PostgresMemoryProvider) -> None:
    """And the next one goes on; a deletion has no text."""
    long, gone, last = [await provider.remember("anna", text * 4_000) for text in ("a ", "b ", "c ")]
    await provider.delete("anna", gone)
    await followed(provider, ANNA, 3)
    bounded = replace(ANNA, most_bytes=10_000)
    first = await provider.feed(bounded)

    assert (told(first), first.more) == ([long], True)
    assert told(await provider.feed(replace(bounded, after=first.position))) == [last, gone]


@pytest.mark.parametrize("ahead", [0, 1_000_000])
async def test_another_history_is_lost(provider: PostgresMemoryProvider, ahead: int) -> None:
    """Another epoch, and a position of this one that the store has not reached."""
    here = (await provider.feed(ANNA)).position
    position = FeedPosition(here.epoch if ahead else "another", here.number + ahead)

    with pytest.raises(FeedLost):
        await provider.feed(replace(ANNA, after=position))


async def test_tenants_are_apart(postgres_server: EmbeddedServer) -> None:
    """Behind row-level security, too, users of one name in two tenants have feeds of their own."""
    other = Owner("anna", "acme")
    async with walled_database(postgres_server) as dsn, open_native_provider(dsn, migrate=False) as provider:
        mine = await provider.remember("anna", "tea")
        await provider.store_many([NewMemory(owner=other, content="coffee")])

        assert await followed(provider, ANNA, 1) == [mine]
        assert mine not in await followed(provider, replace(ANNA, owner=other), 1)


async def test_a_database_put_back_is_another_history(database: str, postgres_server: EmbeddedServer) -> None:
    """A cursor of what was lost leads nowhere, even when as much has happened since."""
    async with open_native_provider(database) as provider:
        await provider.remember("anna", "tea")
        copy = await copied(postgres_server, database)
        with suppress(Unavailable):  # its sessions were ended
            await provider.feed(ANNA)
        after = (await provider.feed(ANNA)).position
        await put_back(postgres_server, database, copy)
        with suppress(Unavailable):
            await provider.feed(ANNA)

        with pytest.raises(FeedLost):
            await provider.feed(replace(ANNA, after=after))


async def test_without_the_functions_a_history_ends_with_the_server(database: str) -> None:
    """Where a managed service has taken away what tells of the server, its start is what there is."""
    async with connected(database) as connection:
        await connection.execute("ALTER FUNCTION pg_catalog.pg_walfile_name(pg_lsn) RENAME TO pg_walfile_name_of_old")
    async with open_native_provider(database) as provider:
        written = await provider.remember("anna", "tea")
        page = await provider.feed(replace(ANNA, now=True))

        assert await followed(provider, ANNA, 1) == [written]
        assert told(await provider.feed(replace(ANNA, after=page.position))) in ([], [written])


@pytest.mark.thorough
async def test_a_cursor_outlives_a_restart_of_the_server(postgres_major: int) -> None:
    """Nothing is told twice, nothing is lost."""
    with reachable_folder() as folder:
        server = EmbeddedServer(folder / "postgres", wheel_binaries(postgres_major))
        with server.running():
            await make_template(server)
            dsn = await create_database(server)
            async with open_native_provider(dsn) as provider:
                first = await provider.remember("anna", "tea")
                assert await followed(provider, ANNA, 1) == [first]
                after = (await provider.feed(ANNA)).position
        with server.running():
            async with open_native_provider(dsn) as provider:
                second = await provider.remember("anna", "coffee")

                assert await followed(provider, replace(ANNA, after=after), 1) == [second]
