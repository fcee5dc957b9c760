"""The statements that pages give to administrators of PostgreSQL do what the pages say of them."""

from collections.abc import AsyncIterator
from itertools import groupby
from uuid import uuid4

import asyncpg
import pytest
from sqlalchemy import make_url

from providers.native.embedded import EmbeddedServer
from providers.native.engine import open_engine
from providers.native.row_security import RowSecurity
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.markdown import ROOT, fenced
from tests.support.native import open_native_provider
from tests.support.postgres import connected, create_database, drop_database

SCALE = "deploy/docs/scale.md"
_ON_THE_DISK = "SELECT user_id FROM ninai_memories ORDER BY tableoid, ctid"
PASSWORD = "'correct horse battery staple'"


@pytest.fixture
async def database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """A database of its own."""
    dsn = await create_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


def shown(page: str, role: str, own: str) -> str:
    """Return the statements of a page about a role, for one of another name: roles are the whole server's."""
    [block] = [block for block in fenced((ROOT / page).read_text("utf-8"), "sql") if f"ROLE {role}" in block]
    return block.replace(role, own)


async def test_the_role_that_owns_nothing_is_held_by_the_wall(database: str) -> None:
    """It reads and writes all tables, later ones as well, owns none, and is shown nothing without a tenant."""
    role = f"app_{uuid4().hex}"
    granted = shown("deploy/docs/tenants.md", "ninai_app", role)
    application = make_url(database).set(username=role).render_as_string(hide_password=False)
    async with connected(database) as owner:
        # Who connects has to be the owner that the page names.
        assert await owner.fetchval("SELECT current_user") == "ninai"
        await owner.execute(granted.replace("'...'", PASSWORD))
        try:
            await owner.execute("CREATE TABLE later (id int)")
            async with open_engine(database, pool_size=1) as tables, open_engine(application, pool_size=1) as engine:
                state = await RowSecurity(engine, tables).switch(up=True)
            assert (state.up, state.bypassed, state.owned) == (True, False, False)
            async with connected(application) as stranger:
                await stranger.execute("INSERT INTO later VALUES (1)")
                assert await stranger.fetchval("SELECT count(*) FROM later") == 1
                with pytest.raises(asyncpg.InsufficientPrivilegeError):
                    await stranger.execute("ALTER TABLE ninai_memories DISABLE ROW LEVEL SECURITY")
        finally:
            await owner.execute(f"DROP OWNED BY {role}")
            await owner.execute(f"DROP ROLE {role}")


async def test_memories_of_a_user_are_brought_together(database: str) -> None:
    """They came in turns with those of others, and lie side by side afterwards."""
    [statement] = [block for block in fenced((ROOT / SCALE).read_text("utf-8"), "sql") if "CLUSTER" in block]
    async with open_native_provider(database) as provider:
        for number in range(3):
            owners = [Owner(f"user-{user}") for user in range(40)]
            await provider.store_many([NewMemory(owner=owner, content=f"tea {number}") for owner in owners])
    async with connected(database) as owner:
        before = [row["user_id"] for row in await owner.fetch(_ON_THE_DISK)]
        for one in statement.splitlines():
            await owner.execute(one)
        after = [row["user_id"] for row in await owner.fetch(_ON_THE_DISK)]

    assert len([*groupby(before)]) > 40
    assert len([*groupby(after)]) == 40


async def test_a_role_behind_a_pooler_has_its_settings_from_the_server(database: str) -> None:
    """Connections of that role begin with them, whoever opens them."""
    role = f"pooled_{uuid4().hex}"
    dsn = make_url(database).set(username=role).render_as_string(hide_password=False)
    async with connected(database) as owner:
        await owner.execute(f"CREATE ROLE {role} LOGIN")
        try:
            for statement in shown("deploy/pgbouncer/README.md", "ninai", role).splitlines():
                await owner.execute(statement)
            async with connected(dsn) as pooled:
                assert await pooled.fetchval("SELECT current_setting('plan_cache_mode')") == "force_generic_plan"
                assert await pooled.fetchval("SELECT current_setting('jit')") == "off"
        finally:
            await owner.execute(f"DROP ROLE {role}")


async def test_an_index_may_lead_behind_the_wall(database: str) -> None:
    """What the page has a superuser say of the function of containment is what the server knows of it then."""
    page = (ROOT / "deploy/docs/tenants.md").read_text("utf-8")
    [statement] = [block for block in fenced(page, "sql") if block.startswith("ALTER FUNCTION")]
    marked = "SELECT proleakproof FROM pg_proc WHERE proname = 'jsonb_contains'"
    async with connected(database) as superuser:
        await superuser.execute("ALTER FUNCTION pg_catalog.jsonb_contains(jsonb, jsonb) NOT LEAKPROOF")
        assert not await superuser.fetchval(marked)

        await superuser.execute(statement)

        assert await superuser.fetchval(marked)


async def test_a_statement_counts_what_the_database_parsed(database: str) -> None:
    """As long as any memory of an earlier schema waits for its terms."""
    [counting] = fenced((ROOT / "deploy/docs/native.md").read_text("utf-8"), "sql")
    async with open_native_provider(database) as provider:
        await provider.store_many([NewMemory(owner=Owner("anna"), content=word) for word in ("tea", "coffee")])
        async with connected(database) as connection:
            assert await connection.fetchval(counting) == 0
            await connection.execute("UPDATE ninai_memories SET terms = ninai_terms(content) WHERE content = 'tea'")
            assert await connection.fetchval(counting) == 1
