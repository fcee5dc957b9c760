"""What the doctor finds about a native provider, and that it is silent where nothing is wrong."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from uuid import UUID

import pytest
import pytest_asyncio
from sqlalchemy import make_url

from app.doctor.doctor import Finding
from providers.embedders.local import MODEL
from providers.embedders.settings import LocalEmbedderSettings, OpenAIEmbedderSettings
from providers.embedders.trying import EmbeddingResult
from providers.examination.outcome import CheckStatus
from providers.native.dimensions import MAX_DIMENSIONS
from providers.native.embedded import EmbeddedServer
from providers.native.embedder_check import embedder_of
from providers.native.engine import open_engine
from providers.native.findings import pgvector_of
from providers.native.schema import Schema
from providers.postgres.examination import version_of
from providers.postgres.inspection import DatabaseFacts
from providers.states.clock import COUNTER_BITS
from tests.app.doctor.examining import examined, found, found_in, wrong
from tests.support.fake_citus import install
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.openai_server import Behaviour, OpenAIServer
from tests.support.postgres import connected, create_database, drop_database
from tests.support.walled import application_role

CANARY = "canary-7Qx"
OF_A_DATABASE = [
    "database",
    "version",
    "writable",
    "pgvector",
    "clock",
    "schema",
    "indexes",
    "marks",
    "tenants",
    "versions",
    "distribution",
]
_CONTAINMENT = "ALTER FUNCTION pg_catalog.jsonb_contains(jsonb, jsonb)"
TABLES = "SELECT count(*) FROM pg_class WHERE relname LIKE 'ninai%'"


@pytest_asyncio.fixture(scope="module")
async def empty(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database in which nothing was ever made."""
    dsn = await create_database(postgres_server, "template1")
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest_asyncio.fixture(scope="module")
async def well(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """The dsn of a database in which all is well, and which whoever changes it puts right again."""
    dsn = await create_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


@asynccontextmanager
async def changed(dsn: str, statement: str, back: str) -> AsyncIterator[None]:
    """A database that was changed behind its provider's back, for as long as the context lasts."""
    async with connected(dsn) as connection:
        await connection.execute(statement)
        try:
            yield
        finally:
            await connection.execute(back)


def facts(*, number: int = 180004, pgvector: str | None = "0.8.1", offered: str | None = "0.8.1") -> DatabaseFacts:
    """What a server tells that is not at hand."""
    return DatabaseFacts(
        version="13.2", version_number=number, read_only=False, pgvector=pgvector, pgvector_offered=offered
    )


async def test_a_provider_that_is_well_is_found_so(well: str) -> None:
    """Every check is made, in this order and under these names, and none has anything to say against it."""
    report = await examined(DATABASE_URL=well)

    names = [one.name for one in report.findings if one.name.startswith("providers.")]
    parts = [*OF_A_DATABASE, "embedder", "vectors", "health"]
    assert names == [f"providers.native.{part}" for part in parts]
    assert {one.status for one in report.findings if one.name in names} == {CheckStatus.OK}
    assert all(one.advice is None and one.milliseconds is not None for one in report.findings if one.name in names)
    assert report.ok


@pytest.mark.parametrize("password", [f"{CANARY}%40", f"[{CANARY}", f"[{CANARY}]"])
async def test_a_database_out_of_reach_is_an_error_and_the_rest_skipped(password: str) -> None:
    """What could not be looked at says why, and the password is not shown, however it is written."""
    report = await examined(DATABASE_URL=f"postgresql://user:{password}@127.0.0.1:1/x")

    findings = {one.name.removeprefix("providers.native."): one for one in report.findings}
    assert findings["database"].status is CheckStatus.ERROR
    assert "ConnectionRefusedError" in findings["database"].found
    assert "providers.native.dsn" in (findings["database"].advice or "")
    assert {findings[name].status for name in OF_A_DATABASE[1:]} == {CheckStatus.SKIPPED}
    assert findings["version"].found == "needs providers.native.database"
    assert findings["embedder"].status is CheckStatus.OK
    assert CANARY not in str(report)


async def test_a_wrong_database_is_told_without_its_password(well: str) -> None:
    """The server's own words are shown, for they say what to do."""
    findings = await found_in(well.replace("/test_", "/nothing_"))

    assert findings["database"].status is CheckStatus.ERROR
    assert "create the database, or correct its name in the dsn" in findings["database"].found


async def test_a_database_that_only_reads_is_an_error(well: str) -> None:
    """As a standby does."""
    name = make_url(well).database
    setting = "default_transaction_read_only"
    async with changed(well, f"ALTER DATABASE {name} SET {setting} = on", f"ALTER DATABASE {name} RESET {setting}"):
        findings = await found_in(well)

    assert wrong(findings) == {"writable": CheckStatus.ERROR}


def test_an_old_server_is_an_error() -> None:
    """Neither 13 nor anything before it will do."""
    assert version_of(facts(number=130011)).status is CheckStatus.ERROR
    assert version_of(facts(number=140000)).status is CheckStatus.OK


async def test_an_old_pgvector_is_an_error(well: str) -> None:
    """The server has a newer one, so that a statement helps; nothing that needs it is tried."""
    update = "UPDATE pg_extension SET extversion = '{}' WHERE extname = 'vector'"
    async with changed(well, update.format("0.5.1"), update.format("0.8.1")):
        findings = await found_in(well)

    assert wrong(findings) == {"pgvector": CheckStatus.ERROR}
    assert findings["pgvector"].advice == "run ALTER EXTENSION vector UPDATE"
    assert findings["health"].status is CheckStatus.SKIPPED


@pytest.mark.parametrize("offered", [None, "0.5.1"])
def test_a_server_without_pgvector_is_an_error(offered: str | None) -> None:
    """Somebody must install it."""
    outcome = pgvector_of(facts(pgvector=None, offered=offered))

    assert outcome.status is CheckStatus.ERROR
    assert outcome.advice == "install pgvector 0.7 or newer on the server"


async def test_an_empty_database_stays_empty(empty: str) -> None:
    """What the service would make is told, and not made."""
    findings = await found_in(empty)

    assert wrong(findings) == {"pgvector": CheckStatus.WARNING, "schema": CheckStatus.WARNING}
    assert findings["schema"].found == "at nothing yet, this version has 0022"
    assert findings["health"].found == "needs providers.native.schema"
    async with connected(empty) as connection:
        assert await connection.fetchval(TABLES) == 0


async def test_a_schema_that_nobody_brings_up_is_an_error(empty: str) -> None:
    """With `migrate` off the service would refuse to serve."""
    findings = await found_in(empty, NINAI__PROVIDERS__NATIVE__MIGRATE="false")

    assert findings["schema"].status is CheckStatus.ERROR
    assert findings["schema"].advice == "run `ninai db upgrade native`"


async def test_a_newer_schema_is_a_warning(well: str) -> None:
    """This version can live with it, and the rest is looked at."""
    update = "UPDATE ninai_schema_version SET version_num = '{}'"
    async with changed(well, update.format("9999"), update.format("0022")):
        findings = await found_in(well)

    assert wrong(findings) == {"schema": CheckStatus.WARNING}
    assert findings["health"].status is CheckStatus.OK


async def test_an_invalid_index_is_an_error(well: str) -> None:
    """It is named, with the statement that mends it."""
    update = "UPDATE pg_index SET indisvalid = {} WHERE indexrelid = 'ninai_memories_03_pkey'::regclass"
    async with changed(well, update.format("false"), update.format("true")):
        findings = await found_in(well)

    assert wrong(findings) == {"indexes": CheckStatus.ERROR}
    assert findings["indexes"].advice == "REINDEX INDEX CONCURRENTLY ninai_memories_03_pkey"


async def test_a_role_that_may_not_mark_is_a_warning(well: str) -> None:
    """It is named; the service would say so once, when it is running already."""
    dsn = make_url(well).set(username="copyist").render_as_string(hide_password=False)
    granted = (
        "CREATE ROLE copyist LOGIN; GRANT ALL ON ALL TABLES IN SCHEMA public TO copyist;"
        " REVOKE UPDATE ON ninai_store FROM copyist"
    )
    async with changed(well, granted, "DROP OWNED BY copyist; DROP ROLE copyist"):
        findings = await found_in(dsn)

    assert wrong(findings) == {"marks": CheckStatus.WARNING}
    assert "the role copyist may not" in findings["marks"].found
    assert "GRANT UPDATE" in (findings["marks"].advice or "")


@pytest.mark.parametrize(("offset", "words"), [(5.0, "behind this machine"), (-5.0, "ahead of this machine")])
async def test_clocks_that_differ_are_a_warning(well: str, offset: float, words: str) -> None:
    """In either direction; that a right clock is silent, the other tests show."""
    findings = await found_in(well, lambda: time.time() + offset)

    assert wrong(findings) == {"clock": CheckStatus.WARNING}
    assert words in findings["clock"].found


async def test_an_embedder_out_of_reach_is_an_error(well: str) -> None:
    """The service would go on without vectors; its key is not shown."""
    embedder = {"KIND": "openai", "BASE_URL": "http://127.0.0.1:1/v1", "API_KEY": CANARY}
    environ = {f"NINAI__PROVIDERS__NATIVE__EMBEDDER__{name}": value for name, value in embedder.items()}

    report = await examined(DATABASE_URL=well, **environ)

    findings = {one.name: one for one in report.findings}
    assert wrong(findings) == {"providers.native.embedder": CheckStatus.ERROR}
    assert findings["providers.native.vectors"].found == "needs providers.native.embedder"
    assert not report.ok
    assert CANARY not in str(report)


@pytest.mark.parametrize(
    ("behaviour", "words", "advice"),
    [
        ({"status": 429, "code": "insufficient_quota"}, "no quota left", "pay the bill of the account"),
        ({"status": 429, "headers": {"Retry-After": "7"}}, "asks to be left alone for 7 s", "look at providers.native"),
        ({"status": 400}, "takes no other text either", "look at model, dimensions and base_url"),
    ],
)
async def test_an_embedder_that_refuses_is_named(well: str, behaviour: dict[str, Any], words: str, advice: str) -> None:
    """Why, and what somebody can do about it."""
    async with OpenAIServer() as server:
        await server.become(Behaviour.STATUS, **behaviour)
        finding = await embedder_finding(well, server)

    assert finding.status is CheckStatus.ERROR
    assert words in finding.found
    assert advice in str(finding.advice)


@pytest.mark.parametrize("width", [MAX_DIMENSIONS, MAX_DIMENSIONS + 1])
async def test_vectors_that_the_database_cannot_hold_are_an_error(well: str, width: int) -> None:
    """Found by the model's answer, where no dimensions are configured."""
    async with OpenAIServer() as server:
        server.width = width
        finding = await embedder_finding(well, server)

    assert finding.status is (CheckStatus.OK if width <= MAX_DIMENSIONS else CheckStatus.ERROR)
    if width > MAX_DIMENSIONS:
        assert "16001 dimensions are more than the 16000 that pgvector holds" in finding.found
        assert "embedder.dimensions" in str(finding.advice)


async def embedder_finding(dsn: str, server: OpenAIServer) -> Finding:
    """What is found about an embedder that is asked over HTTP, patiently."""
    environ = {"EMBEDDER__KIND": "openai", "EMBEDDER__BASE_URL": server.base_url, "TIMEOUT": "60"}
    prefixed = {f"NINAI__PROVIDERS__NATIVE__{name}": value for name, value in environ.items()}
    return (await found(DATABASE_URL=dsn, **prefixed))["providers.native.embedder"]


def test_an_embedder_is_held_to_what_is_configured() -> None:
    """Other dimensions than were asked for are an error, and so is one that no request waits for."""
    embedded = EmbeddingResult(model="a", dimensions=512, seconds=0.3)

    assert embedder_of(OpenAIEmbedderSettings(dimensions=256), embedded, 1.0).status is CheckStatus.ERROR
    assert embedder_of(OpenAIEmbedderSettings(dimensions=512), embedded, 1.0).status is CheckStatus.OK
    assert embedder_of(LocalEmbedderSettings(), embedded, 0.2).status is CheckStatus.ERROR


async def test_vectors_are_compared_and_none_is_made(well: str) -> None:
    """Of a model that has kept its name, and changed its dimensions; what lacks a vector, a service would embed."""
    async with changed(well, "TRUNCATE ninai_memories", "TRUNCATE ninai_memories"):
        async with open_native_provider(well, HashingEmbedder(64, MODEL)) as provider:
            await provider.remember("kannan", "tea")
        async with open_native_provider(well) as provider:
            await provider.remember("kannan", "coffee")

        findings = await found(DATABASE_URL=well)

        async with connected(well) as connection:
            without = await connection.fetchval("SELECT count(*) FROM ninai_memories WHERE embedding_model IS NULL")
    assert wrong(findings) == {"providers.native.vectors": CheckStatus.ERROR}
    assert "stored are 1 of 64 dimensions" in findings["providers.native.vectors"].found
    assert findings["providers.native.health"].found.endswith(", memories: 2")
    assert without == 1


async def test_another_model_than_the_wanted_one_is_a_warning(well: str) -> None:
    """Memories are embedded for the process that started last, which has another embedder."""
    update = "UPDATE ninai_store SET embedding_model = {}"
    async with changed(well, update.format("'test/other'"), update.format("NULL")):
        findings = await found(DATABASE_URL=well)

    assert wrong(findings) == {"providers.native.vectors": CheckStatus.WARNING}
    assert findings["providers.native.vectors"].found == (
        f"{MODEL} is configured, but the process that started last embeds with test/other"
    )


@pytest.mark.parametrize(("minutes", "status"), [(59, CheckStatus.OK), (61, CheckStatus.WARNING)])
async def test_memories_that_are_ahead_of_their_time_are_found(well: str, minutes: int, status: CheckStatus) -> None:
    """By more than an hour: some host has, or had, a wrong clock."""
    now = time.time()
    async with open_native_provider(well) as provider:
        memory_id = await provider.remember("anna", "tea", version=int((now + minutes * 60) * 1000) << COUNTER_BITS)
    try:
        findings = await found_in(well, lambda: now)
    finally:
        async with connected(well) as connection:
            await connection.execute("DELETE FROM ninai_memories WHERE id = $1", memory_id)

    assert findings["versions"].status is status


@pytest.mark.thorough
async def test_tenants_that_the_database_does_not_keep_apart_are_told(well: str) -> None:
    """Memories of several tenants want row-level security, and a role that it holds; one tenant wants neither."""
    assert (await found_in(well))["tenants"].found == "off, and there are memories of one tenant alone"
    insert = (
        "INSERT INTO ninai_memories (user_id, id, version, deleted_at) VALUES (E'\\x1facme\\x1fbob', '{}', 1, now())"
    )
    async with changed(well, insert.format(UUID(int=1)), "DELETE FROM ninai_memories"):
        findings = await found_in(well)
        assert wrong(findings) == {"tenants": CheckStatus.WARNING}
        assert findings["tenants"].advice == "run `ninai db wall native`"

        async with open_engine(well, pool_size=1) as engine:
            await Schema(engine).wall(up=True)
            findings = await found_in(well)
            async with application_role(well) as application:
                of_application = await found_in(application)
                async with changed(well, f"{_CONTAINMENT} NOT LEAKPROOF", f"{_CONTAINMENT} LEAKPROOF"):
                    without_mark = await found_in(application)
                    async with connected(well) as superuser:
                        await superuser.execute(str(without_mark["tenants"].advice).partition(": ")[2])
                    marked_again = await found_in(application)
            await Schema(engine).wall(up=False)
    assert wrong(findings) == {"tenants": CheckStatus.WARNING}
    assert "the role ninai passes it by" in findings["tenants"].found
    assert wrong(of_application) == {}
    assert of_application["tenants"].found.startswith("row-level security is on, and holds the role app_")
    assert wrong(without_mark) == {"tenants": CheckStatus.WARNING}
    assert "`@>` is not marked as leakproof" in without_mark["tenants"].found
    assert wrong(marked_again) == {}


async def test_memories_that_citus_does_not_have_yet_are_told(postgres_server: EmbeddedServer) -> None:
    """What is to be done is an error with the command that does it; then settings of the nodes are all that is."""
    dsn = await create_database(postgres_server)
    await install(dsn)
    before = (await found_in(dsn))["distribution"]
    async with open_engine(dsn, pool_size=1) as engine:
        await Schema(engine).distribute(lambda _step: None)
    findings = await found_in(dsn)
    await drop_database(postgres_server, dsn)

    assert (before.status, before.advice) == (CheckStatus.ERROR, "run `ninai db distribute`")
    assert "make ninai_memories a table that can be distributed" in before.found
    assert wrong(findings) == {"distribution": CheckStatus.WARNING}
    assert "wal_level is replica" in findings["distribution"].found
    assert findings["tenants"].found.startswith("distributed memories have no row-level security")
    assert findings["indexes"].found.endswith("those of the shards were not looked at")
