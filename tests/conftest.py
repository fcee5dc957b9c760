"""What every test may ask for: a real PostgreSQL, and a database of its own."""

import gc
import logging
from collections.abc import AsyncIterator, Iterator

import pytest
import pytest_asyncio
import structlog

from providers.native.embedded import EmbeddedServer
from tests.support.opensearch import OpenSearchServer, running_opensearch
from tests.support.pinecone.running import PineconeServer, running_pinecone
from tests.support.postgres import MAJORS, create_database, drop_database, make_template, running_server
from tests.support.redis import RedisServer, running_redis


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--postgres 16` runs the suite on the older of the two servers in the wheel.

    `--citus DSN` runs the contract of the native provider on a cluster, of which that is the coordinator.
    """
    parser.addoption("--postgres", type=int, choices=MAJORS, default=MAJORS[0], help="major version of PostgreSQL")
    parser.addoption("--citus", metavar="DSN", help="the coordinator of a cluster of Citus, as its superuser")


gc.disable()  # thousands of tests are collected now, and none of them is garbage
_ALLOCATIONS_BETWEEN_SEARCHES = 20_000  # for garbage: 700 is for programs with less memory than this


def pytest_collection_finish() -> None:
    """Look for garbage from now on, but not among the tests themselves."""
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS_BETWEEN_SEARCHES)
    gc.enable()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_call() -> Iterator[None]:
    """Leave logging as a test found it: a command that runs in this process sets its own."""
    config, root = structlog.get_config(), logging.getLogger()
    level, handlers = root.level, root.handlers
    try:
        yield
    finally:
        structlog.configure(**config)
        root.setLevel(level)
        root.handlers = handlers


@pytest.fixture(scope="session")
def postgres_major(request: pytest.FixtureRequest) -> int:
    """Return the major version of PostgreSQL this run is about."""
    return int(request.config.getoption("--postgres"))


@pytest_asyncio.fixture(scope="session")
async def postgres_server(postgres_major: int) -> AsyncIterator[EmbeddedServer]:
    """Yield one server for the whole run."""
    with running_server(postgres_major) as server:
        await make_template(server)
        yield server


@pytest_asyncio.fixture
async def database(postgres_server: EmbeddedServer) -> AsyncIterator[str]:
    """Yield the dsn of a fresh database, `postgresql+asyncpg://...`."""
    dsn = await create_database(postgres_server)
    yield dsn
    await drop_database(postgres_server, dsn)


@pytest.fixture(scope="session")
def redis_server() -> Iterator[RedisServer]:
    """Yield one Redis for the whole run; whoever uses it takes a prefix of its own."""
    with running_redis() as server:
        yield server


@pytest.fixture(scope="session")
def opensearch_server() -> Iterator[OpenSearchServer]:
    """Yield one OpenSearch for the whole run; whoever uses it takes an index of its own."""
    with running_opensearch() as server:
        yield server


@pytest.fixture(scope="session")
def pinecone_server() -> Iterator[PineconeServer]:
    """Yield one fake Pinecone for the whole run; whoever uses it takes a prefix of its own."""
    with running_pinecone() as server:
        yield server
