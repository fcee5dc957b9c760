"""The PgBouncer of deploy/pgbouncer before a real database, where there is a PgBouncer to run."""

import asyncio
import configparser
import contextlib
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from sqlalchemy import make_url

from providers.introduction import StoreMark
from providers.native.embedded import EmbeddedServer
from providers.native.embedded.os_user import os_user_for
from providers.native.engine import open_engine
from providers.native.provider import PostgresMemoryProvider
from providers.native.schema import Schema
from providers.native.settings import NativeSettings
from providers.owners import Owner
from providers.types import Deletion, NewMemory, PageQuery, RecallQuery
from tests.providers.journal.postgres_rig import opened
from tests.providers.journal.rig import leased, put, remember
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected, create_database, drop_database, reachable_folder
from tests.support.walled import walled_database

INI = Path(__file__).parents[2] / "deploy" / "pgbouncer" / "pgbouncer.ini"
PGBOUNCER = shutil.which("pgbouncer") or shutil.which("pgbouncer", path="/usr/sbin")
SERVERS = 3  # connections to PostgreSQL, fewer than clients, so that transactions change between them
CLIENTS = 12
ROUNDS = 20
START_SECONDS = 10.0

needs_pgbouncer = pytest.mark.skipif(PGBOUNCER is None, reason="there is no pgbouncer")


def settings() -> configparser.ConfigParser:
    """The example as it ships."""
    parser = configparser.ConfigParser(inline_comment_prefixes=None, comment_prefixes=(";",), interpolation=None)
    parser.read_string(INI.read_text("utf-8"))
    return parser


def free_port() -> int:
    """A port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port


@contextlib.contextmanager
def pooled(server: EmbeddedServer, dsn: str, changes: Mapping[str, str]) -> Iterator[str]:
    """A PgBouncer before one database, set up as in the example but for `changes`; gives the dsn through it."""
    assert PGBOUNCER is not None
    target = make_url(dsn)
    port = free_port()
    os_user = os_user_for(server.folder)
    with reachable_folder() as folder:
        example = settings()
        example["databases"] = {
            str(target.database): f"host={target.query['host']} port=5432 user={target.username}",
        }
        # Trust in place of passwords, since the server has none; the rest is what ships.
        example["pgbouncer"].update(
            {
                "listen_addr": "127.0.0.1",
                "listen_port": str(port),
                "unix_socket_dir": "",
                "auth_type": "any",
                "default_pool_size": str(SERVERS),
                "reserve_pool_size": "0",
                **changes,
            }
        )
        example.remove_option("pgbouncer", "auth_file")
        file, log = folder / "pgbouncer.ini", folder / "log"
        with file.open("w") as written:
            example.write(written)
        with log.open("wb") as output:
            process = subprocess.Popen(  # noqa: S603 - found above
                [PGBOUNCER, file], stdout=output, stderr=output, user=os_user.user, group=os_user.group, cwd=folder
            )
        try:
            deadline = time.monotonic() + START_SECONDS
            while not _answers(port):
                if process.poll() is not None or time.monotonic() > deadline:
                    pytest.fail(f"PgBouncer does not run: {log.read_text()[-1000:]}")
                time.sleep(0.05)
            yield target.set(host="127.0.0.1", port=port, query={}).render_as_string(hide_password=False)
        finally:
            process.kill()
            process.wait()


def _answers(port: int) -> bool:
    with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
        return True
    return False


async def _life(provider: PostgresMemoryProvider, user: str) -> None:
    """All that a user can do to memories, again and again."""
    for turn in range(ROUNDS):
        memory_id = await provider.remember(user, f"tea, cup {turn}", {"turn": turn})
        await provider.update(user, memory_id, content=f"coffee, cup {turn}")
        assert memory_id in [hit.id for hit in await provider.recall(user, f"coffee, cup {turn}", limit=1)]
        assert await provider.delete(user, memory_id) is True


async def _life_of(provider: PostgresMemoryProvider, owner: Owner) -> None:
    """The same for the user of one tenant, who never meets the others of that name."""
    for turn in range(ROUNDS):
        memory_id = (await provider.store(NewMemory(owner=owner, content=f"tea, cup {turn}"))).id
        listed = (await provider.page(PageQuery(owner=owner))).memories
        found = (await provider.find(RecallQuery(owner=owner, query="tea"))).memories
        assert [(one.owner, one.id) for one in (*listed, *found)] == [(owner, memory_id)] * 2
        assert (await provider.erase(Deletion(owner=owner, memory_id=memory_id))).count == 1


def test_the_example_pools_transactions() -> None:
    """That is what a pooler is for, and what the service's setting is about."""
    assert settings()["pgbouncer"]["pool_mode"] == "transaction"


def test_a_client_waits_no_longer_than_an_operation_may_take() -> None:
    """What the service has given up holds no place in the queue."""
    assert float(settings()["pgbouncer"]["query_wait_timeout"]) <= NativeSettings().timeout


@pytest.mark.soak
@needs_pgbouncer
async def test_tenants_on_shared_connections_see_their_own(postgres_server: EmbeddedServer) -> None:
    """Behind row-level security each statement brings its tenants along, whichever connection it gets and leaves."""
    async with walled_database(postgres_server) as dsn:
        with pooled(postgres_server, dsn, {}) as through:
            async with open_native_provider(
                through, HashingEmbedder(), pooler="pgbouncer", pool_size=CLIENTS, migrate=False
            ) as provider:
                await asyncio.gather(*(_life_of(provider, Owner("bob", f"t{number}")) for number in range(CLIENTS)))
            async with connected(through) as connection:
                assert await connection.fetch("SELECT user_id FROM ninai_memories") == []


@pytest.mark.soak
@needs_pgbouncer
async def test_many_clients_share_few_connections(postgres_server: EmbeddedServer) -> None:
    """With more clients than connections to PostgreSQL no operation fails, and the schema can be brought up to date."""
    dsn = await create_database(postgres_server, "template1")
    with pooled(postgres_server, dsn, {}) as through:
        async with open_engine(through, pool_size=10, through_pooler=True) as engine:
            assert (await Schema(engine).upgrade()).usable
        async with open_native_provider(
            through, HashingEmbedder(), pooler="pgbouncer", pool_size=CLIENTS, migrate=False
        ) as provider:
            await asyncio.gather(*(_life(provider, f"user {number}") for number in range(CLIENTS)))
            mark = StoreMark(installation="i", journal="j", epoch=1, number=1, at=1.0)
            assert await provider.leave_mark(mark, None)
            introduction = await provider.introduce()
            assert introduction.mark == mark
            assert introduction.lineage is not None
    await drop_database(postgres_server, dsn)


@pytest.mark.soak
@needs_pgbouncer
async def test_sessions_can_be_pooled(postgres_server: EmbeddedServer) -> None:
    """Each client has a connection of its own then."""
    dsn = await create_database(postgres_server)
    sessions = {"pool_mode": "session", "default_pool_size": str(CLIENTS)}
    with pooled(postgres_server, dsn, sessions) as through:
        async with open_native_provider(through, HashingEmbedder(), pooler="pgbouncer", pool_size=CLIENTS) as provider:
            await asyncio.gather(*(_life(provider, f"user {number}") for number in range(CLIENTS)))
    await drop_database(postgres_server, dsn)


@pytest.mark.soak
@needs_pgbouncer
async def test_the_journal_goes_through_it_without_listening(postgres_server: EmbeddedServer) -> None:
    """Its locks end with their transactions; what others append is found by asking."""
    dsn = await create_database(postgres_server, "template1")
    with pooled(postgres_server, dsn, {}) as through:
        async with (
            opened(through, pooler="pgbouncer", pool_size=CLIENTS) as one,
            opened(through, pooler="pgbouncer") as other,
        ):
            await one.join("home", None)
            entries = await asyncio.gather(*(put(one, remember()) for _ in range(CLIENTS * ROUNDS)))
            found = await leased(other, "home")
            assert {delivery.seq for delivery in found} <= {entry.seq for entry in entries}
            assert found
    await drop_database(postgres_server, dsn)
