"""Row-level security: the second wall between tenants, in the database itself."""

import asyncio
from collections.abc import AsyncIterator
from typing import Any
from uuid import uuid4

import pytest
from msgspec.structs import replace
from sqlalchemy import make_url
from structlog.testing import capture_logs

from observability.secret import Secret
from providers.answers import Stored
from providers.base import MemoryProvider
from providers.embedders.settings import NoEmbedderSettings
from providers.filters import Eq
from providers.native.embedded import EmbeddedServer, folder_of
from providers.native.engine import open_engine
from providers.native.listing import count_statement, page_statement
from providers.native.row_security import RowSecurity
from providers.native.settings import NativeSettings
from providers.native.wall import EVERY
from providers.owners import Owner
from providers.replica import Replica
from providers.types import NewMemory, PageQuery
from tests.support.native import HashingEmbedder, host_for, open_native_provider
from tests.support.postgres import connected, reachable_folder
from tests.support.walled import application_role, walled_database

BOB, OTHER, THIRD = Owner("bob"), Owner("bob", "acme"), Owner("bob", "glo_bex")
OWNERS = (BOB, OTHER, THIRD)

_TABLES = "SELECT relname AS name FROM pg_class WHERE relname LIKE 'ninai%' AND relkind IN ('r', 'p')"
_MAY = "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb FROM pg_roles WHERE rolname = $1"
_OWNED = "SELECT count(*) FROM pg_class WHERE relowner = $1::regrole"
_MANY = 500  # memories, of which one by one an index leads to sooner than a list
_PARTITIONS = " UNION ALL ".join(f"TABLE ninai_memories_{number:02}" for number in range(16))


@pytest.fixture
async def walled(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database behind the wall, for a role that owns nothing."""
    async with walled_database(postgres_server) as dsn:
        yield dsn


@pytest.fixture
async def provider(walled: str) -> AsyncIterator[Replica]:
    """A provider that holds a memory of each owner, under one id."""
    settings = NativeSettings(dsn=Secret(walled), embedder=NoEmbedderSettings(), migrate=False)
    async with settings.open(host_for()) as provider:
        yield provider


async def _filled(provider: MemoryProvider) -> str:
    memory_id = str(uuid4())
    memories = [NewMemory(owner=owner, content=f"tea of {owner.tenant}", memory_id=memory_id) for owner in OWNERS]
    assert all(isinstance(one, Stored) for one in await provider.store_many(memories))
    return memory_id


async def _seen(dsn: str, tenants: str | None, sql: str = "SELECT user_id FROM ninai_memories") -> list[Any]:
    """Run a statement that names no user, while these tenants are set."""
    async with connected(dsn) as connection, connection.transaction():
        if tenants is not None:
            await connection.execute("SELECT set_config('ninai.tenants', $1, true)", tenants)
        return [row[0] for row in await connection.fetch(sql)]


@pytest.mark.parametrize(
    ("tenants", "owners"),
    [
        ("default", [BOB]),
        ("acme", [OTHER]),
        ("acme,glo_bex", [OTHER, THIRD]),
        ("default,glo_bex", [THIRD, BOB]),
        (EVERY, [OTHER, THIRD, BOB]),
        ("initech", []),
        ("", []),
        (None, []),
        ("acm", []),
        ("acme,", [OTHER]),
        ("ACME", []),
        ("glo_bex", [THIRD]),
        ("ac_e", []),
    ],
)
async def test_a_statement_without_a_condition_shows_the_tenants_that_are_set(
    provider: Replica, walled: str, tenants: str | None, owners: list[Owner]
) -> None:
    """Nothing of any other tenant, and nothing at all where none is set; so it is at the partitions."""
    await _filled(provider)

    assert sorted(await _seen(walled, tenants)) == [owner.key for owner in owners]
    assert sorted(await _seen(walled, tenants, _PARTITIONS)) == [owner.key for owner in owners]


@pytest.mark.parametrize("sql", ["UPDATE ninai_memories SET version = version + 1", "DELETE FROM ninai_memories"])
async def test_a_write_without_a_condition_reaches_the_tenants_that_are_set(
    provider: Replica, walled: str, sql: str
) -> None:
    """Neither changes nor deletes what another tenant has."""
    await _filled(provider)

    assert await _seen(walled, "acme", f"{sql} RETURNING user_id") == [OTHER.key]
    assert await _seen(walled, None, f"{sql} RETURNING user_id") == []


async def test_nothing_can_be_stored_for_a_tenant_that_is_not_set(provider: Replica, walled: str) -> None:
    """Neither a new row nor one that is moved to another owner."""
    await _filled(provider)

    for sql in (
        "INSERT INTO ninai_memories (user_id, id, version) VALUES ('bob', gen_random_uuid(), 1) RETURNING 1",
        "UPDATE ninai_memories SET user_id = 'bob' || id RETURNING 1",
    ):
        with pytest.raises(Exception, match="row-level security"):
            await _seen(walled, "acme", sql)


async def test_the_setting_of_one_statement_is_gone_with_it(provider: Replica, walled: str) -> None:
    """Behind a pooler the next client of a connection finds no tenant set."""
    await _filled(provider)

    async with connected(walled) as connection:
        sql = "SELECT user_id FROM ninai_memories WHERE (SELECT set_config('ninai.tenants', 'acme', true)) IS NOT NULL"
        assert [row[0] for row in await connection.fetch(sql)] == [OTHER.key]
        assert await connection.fetch("SELECT user_id FROM ninai_memories") == []


async def test_memories_of_all_tenants_are_embedded_and_counted(provider: Replica, walled: str) -> None:
    """Background work sees every tenant: what was stored without vectors gets them, and health counts all."""
    memory_id = await _filled(provider)
    assert (await provider.health_check()).details[-1] == "memories: 3"

    async with open_native_provider(walled, HashingEmbedder(), migrate=False):
        embedded = "SELECT user_id FROM ninai_memories WHERE embedding IS NOT NULL"
        async with asyncio.timeout(30):
            while len(seen := await _seen(walled, EVERY, embedded)) < len(OWNERS):  # noqa: ASYNC110 - no event tells
                await asyncio.sleep(0.05)

    assert sorted(seen) == [owner.key for owner in (OTHER, THIRD, BOB)]
    assert memory_id


async def test_the_wall_is_raised_with_tenants_and_not_without(database: str) -> None:
    """A service of one tenant leaves the tables as they are; one with several raises the wall where its role may."""
    async with open_engine(database, pool_size=1) as engine:
        security = RowSecurity(engine, engine)
        for tenants in (False, True):
            async with open_native_provider(database, host=replace(host_for(), tenants=tenants)) as provider:
                await provider.store(NewMemory(owner=BOB, content="tea"))
            state = await security.state()
            assert (state.up, state.bypassed, state.owned, state.tenants) == (tenants, True, True, False)

        async with application_role(database) as application:
            assert await _seen(application, None) == []
            assert await _seen(application, "default") == ["bob", "bob"]
        assert (await security.switch(up=False)).up is False


@pytest.mark.parametrize("leads", [True, False])
def test_an_index_on_metadata_is_hoped_for_only_where_it_leads(leads: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """Elsewhere policies come before `@>`, which only misleads the planner; the rest decides what a page shows."""
    query = PageQuery(owner=OTHER, where=Eq("topic", "tea"))

    for statement in (page_statement(query, leads=leads), count_statement(OTHER, query, leads=leads)):
        assert ("metadata @>" in statement.text) is leads
        assert "metadata #>" in statement.text


@pytest.mark.thorough
async def test_a_list_by_metadata_is_the_same_behind_the_wall(database: str) -> None:
    """For the role that it holds, and before it was raised."""
    async with application_role(database) as application:
        pages = []
        for up in (False, True):
            async with open_engine(database, pool_size=1) as owner, open_engine(application, pool_size=1) as engine:
                await RowSecurity(engine, owner).switch(up=up)
            host = replace(host_for(), tenants=True)
            async with open_native_provider(application, host=host, migrate=False) as provider:
                if not up:
                    topics = ("tea", "coffee", "tea")
                    await provider.store_many(
                        [NewMemory(owner=OTHER, content=topic, metadata={"topic": topic}) for topic in topics]
                    )
                page = await provider.page(PageQuery(owner=OTHER, where=Eq("topic", "tea"), total=True))
                pages.append(([memory.id for memory in page.memories], page.total))

    assert pages[0] == pages[1]
    assert (len(pages[1][0]), pages[1][1]) == (2, 2)


@pytest.mark.thorough
@pytest.mark.parametrize("marked", [True, False])
async def test_an_index_leads_to_a_rare_value_behind_the_wall(database: str, marked: bool) -> None:  # noqa: FBT001 - a parameter of the test
    """If a superuser has marked its operator; else all memories of the owner are looked through."""
    async with application_role(database) as application:
        async with open_engine(database, pool_size=1) as owner, open_engine(application, pool_size=1) as engine:
            await RowSecurity(engine, owner).switch(up=True)
            assert await RowSecurity(engine, engine).let_index_lead() is False, "the role may not mark it"
            if marked:
                several = [RowSecurity(engine, owner).let_index_lead() for _ in range(3)]
                assert await asyncio.gather(*several) == [True] * 3
                assert await RowSecurity(engine, engine).let_index_lead() is True
        async with open_native_provider(application, host=replace(host_for(), tenants=True), migrate=False) as provider:
            await provider.store_many(
                [NewMemory(owner=OTHER, content="tea", metadata={"number": number}) for number in range(_MANY)]
            )
            page = await provider.page(PageQuery(owner=OTHER, where=Eq("number", 7), total=True))

        statement = page_statement(PageQuery(owner=OTHER, where=Eq("number", 7)))
        async with connected(database) as connection:
            await connection.execute("VACUUM ANALYZE ninai_memories")
        async with connected(application) as connection:
            plan = "\n".join(row[0] for row in await connection.fetch(f"EXPLAIN {statement.text}", *statement.values))

    assert ([memory.metadata for memory in page.memories], page.total) == ([{"number": 7}], 1)
    assert ("Bitmap Index Scan" in plan and "metadata_idx" in plan) is marked, plan


async def test_the_wall_holds_the_owner_of_the_tables(database: str) -> None:
    """A role that owns them raises it by itself, and sees no more than any other from then on."""
    async with application_role(database) as application:
        role = make_url(application).username
        async with connected(database) as connection:
            for table in await connection.fetch(_TABLES):
                await connection.execute(f"ALTER TABLE {table['name']} OWNER TO {role}")
        async with open_native_provider(application, host=replace(host_for(), tenants=True)) as provider:
            await _filled(provider)

        assert await _seen(application, None) == []
        assert await _seen(application, "acme") == [OTHER.key]


async def test_a_role_that_may_not_raise_the_wall_serves_without(database: str) -> None:
    """It works as before, and the log tells that the second wall is not there."""
    async with application_role(database) as application:
        with capture_logs() as logs:
            host = replace(host_for(), tenants=True)
            async with open_native_provider(application, host=host, migrate=False) as provider:
                await provider.store(NewMemory(owner=OTHER, content="tea"))
                assert await provider.owners() == [OTHER]

    [told] = [entry for entry in logs if entry["event"] == "row_level_security_absent"]
    assert (told["log_level"], told["raised"], told["bypassed"]) == ("warning", False, False)


async def test_a_program_that_knows_no_tenants_works_while_the_wall_is_down(database: str) -> None:
    """The policy that the migration has made holds nobody, so that an older program goes on beside this one."""
    async with open_native_provider(database) as provider:
        await provider.store(NewMemory(owner=BOB, content="tea"))

    async with connected(database) as connection:
        await connection.execute("SET ROLE pg_read_all_data")
        assert await connection.fetchval("SELECT count(*) FROM ninai_memories WHERE user_id = 'bob'") == 1


@pytest.mark.thorough  # it makes a server
async def test_the_embedded_server_is_used_as_a_role_that_owns_nothing() -> None:
    """The schema is the owner's; memories are read and written by a role that the wall holds, also after a restart."""
    with reachable_folder() as folder:
        host = replace(host_for(folder), tenants=True)
        settings = NativeSettings(embedder=NoEmbedderSettings())
        for _ in range(2):
            with EmbeddedServer(folder_of(folder, host.name)).running() as server:
                async with settings.open(host) as provider:
                    await provider.store(NewMemory(owner=OTHER, content="tea"))
                    assert (await provider.introduce()).lineage is not None
                role = make_url(settings.dsn_of(host.name, folder)).username
                async with connected(server.dsn) as connection:
                    may = await connection.fetchrow(_MAY, role)
                    owned = await connection.fetchval(
                        "SELECT count(*) FROM pg_class WHERE relowner = $1::regrole", role
                    )
                assert (tuple(may), owned) == ((False, False, False, False), 0)
                assert set(await _seen(server.application_dsn, "acme")) == {OTHER.key}
                assert await _seen(server.application_dsn, None) == []
                assert set(await _seen(server.dsn, None)) == {OTHER.key}
