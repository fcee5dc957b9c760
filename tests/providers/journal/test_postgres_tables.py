"""The journal's tables are created once, by the first host, and never changed by a program that does not know them."""

import asyncio
import contextlib

import pytest
from sqlalchemy import make_url

from providers.journal.base import JournalUnavailable
from providers.journal.operations import Done
from providers.journal.postgres.steps import FORMS
from providers.native.embedded import EmbeddedServer
from providers.postgres.inspection import cluster_of
from tests.providers.journal.postgres_rig import opened
from tests.providers.journal.rig import LONG, leased, put, remember
from tests.support.postgres import connected, create_database, create_latin_database, drop_database


async def test_many_who_open_at_once_make_one_journal(database: str) -> None:
    """However many hosts start at the same time on an empty database, there is one journal with one name."""
    async with contextlib.AsyncExitStack() as stack:
        journals = await asyncio.gather(*(stack.enter_async_context(opened(database)) for _ in range(6)))

        assert len({journal.id for journal in journals}) == 1
    async with opened(database) as again:
        assert again.id == journals[0].id


async def test_another_database_is_another_journal(postgres_server: EmbeddedServer, database: str) -> None:
    """Every journal has a name that no other has."""
    other = await create_database(postgres_server)
    async with opened(database) as one, opened(other) as another:
        assert one.id != another.id
    await drop_database(postgres_server, other)


async def test_tables_of_another_form_are_left_alone(database: str) -> None:
    """A program that does not know the tables says who must be updated, and works as soon as it knows them."""
    async with opened(database) as journal:
        await journal.join("home", None)
    async with opened(database) as journal, connected(database) as administrator:
        for form, advice in ((FORMS.newest + 1, "update this program"), (FORMS.oldest - 1, "a version in between")):
            await administrator.execute("UPDATE ninai_journal SET version = $1", form)
            async with opened(database) as other:
                with pytest.raises(JournalUnavailable, match=f"form {form}.*{advice}") as refusal:
                    await other.append([remember()])
                assert refusal.value.ambiguous is False
                await administrator.execute("UPDATE ninai_journal SET version = $1", FORMS.newest)
                await put(other, remember())
        assert (await journal.status()).operations == 2


async def test_a_database_that_cannot_hold_every_text_is_told(postgres_server: EmbeddedServer) -> None:
    """In an encoding in which the first emoji would fail, no tables are created, and the error names the remedy."""
    dsn = await create_latin_database(postgres_server)
    async with opened(dsn) as journal:
        with pytest.raises(JournalUnavailable, match="encoding is LATIN1, but must be UTF8") as refusal:
            await journal.append([remember()])
        assert refusal.value.ambiguous is False
    async with connected(dsn) as observer:
        assert await observer.fetchval("SELECT to_regclass('ninai_journal')") is None
    await drop_database(postgres_server, dsn)


async def test_an_append_waits_for_the_disk_whatever_the_default(
    postgres_server: EmbeddedServer, database: str
) -> None:
    """An acknowledged append is on the disk even if the server would not wait; a lease or settlement never waits."""
    async with opened(database):
        pass
    async with connected(postgres_server.dsn) as administrator:
        await administrator.execute(f"ALTER DATABASE {make_url(database).database} SET synchronous_commit = off")
    async with connected(database) as observer:
        await observer.execute("""
            CREATE TABLE seen (operation text, setting text);
            CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
                INSERT INTO seen VALUES (TG_OP, current_setting('synchronous_commit')); RETURN NULL;
            END $$;
            CREATE CONSTRAINT TRIGGER look AFTER INSERT OR UPDATE OR DELETE ON ninai_journal_deliveries
            DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION look()
        """)
        async with opened(database) as journal:
            await journal.join("home", None)
            entry = await put(journal, remember())
            [delivery] = await leased(journal, "home", LONG)
            await journal.renew("home", [delivery.lease], LONG)
            await journal.settle([Done(seq=entry.seq, provider="home")])

        seen = await observer.fetch("SELECT operation, setting FROM seen")
        assert [tuple(row) for row in seen] == [
            ("INSERT", "on"),
            ("UPDATE", "off"),
            ("UPDATE", "off"),
            ("DELETE", "off"),
        ]


async def test_databases_of_one_cluster_are_told(postgres_server: EmbeddedServer, database: str) -> None:
    """Two databases of one server have one cluster, whose identifier is the server's own."""
    async with connected(database) as observer:
        identifier = await observer.fetchval("SELECT system_identifier FROM pg_control_system()")

    assert await cluster_of(database) == await cluster_of(postgres_server.dsn) == str(identifier)


async def test_a_cluster_that_may_not_be_asked_is_unknown(postgres_server: EmbeddedServer, database: str) -> None:
    """If the server does not disclose its identifier, there is no answer, and no error."""
    async with connected(database) as administrator:
        await administrator.execute("REVOKE EXECUTE ON FUNCTION pg_control_system() FROM public")
        await administrator.execute("CREATE ROLE curious LOGIN")
    dsn = make_url(database).set(username="curious").render_as_string(hide_password=False)

    assert await cluster_of(dsn) is None
    async with connected(postgres_server.dsn) as administrator:
        await administrator.execute("DROP ROLE curious")
