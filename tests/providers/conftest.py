"""Every provider that keeps the contract, opened once per session; and fresh users."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any, Literal
from uuid import uuid4

import pytest
from msgspec.structs import replace
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from observability.secret import Secret
from providers.base import MemoryProvider
from providers.embedders.settings import NoEmbedderSettings
from providers.errors import InvalidInput
from providers.host import Host
from providers.mem0.settings import Mem0Settings
from providers.memory.settings import MockSettings
from providers.native.embedded import EmbeddedServer
from providers.native.settings import NativeSettings
from providers.states.clock import HybridClock
from tests.support.citus import CitusCluster
from tests.support.left_out import leaves_out
from tests.support.mem0_oss import Mem0Process
from tests.support.native import HashingEmbedder, LentEmbedder, native_settings
from tests.support.opensearch import OpenSearchServer
from tests.support.partitioned import partitioned_database
from tests.support.pinecone.running import DELAY, pinecone_at
from tests.support.pinecone.server import FakePinecone
from tests.support.postgres import connected, create_database, drop_database
from tests.support.redis import RedisServer
from tests.support.service import running_service
from tests.support.statement_guard import StatementGuard
from tests.support.vector_opensearch import VectorOpenSearch
from tests.support.walled import walled_database

MEM0_DATABASE = Path(__file__).parents[2] / "deploy" / "mem0" / "database.sql"

Opener = Callable[[Host], AbstractAsyncContextManager[MemoryProvider]]


def mock(_request: pytest.FixtureRequest) -> Opener:
    """The provider in memory."""
    return MockSettings().open


def native(settings_for: Callable[[str], NativeSettings]) -> Callable[[pytest.FixtureRequest], Opener]:
    """The provider on PostgreSQL, as configured for a dsn."""

    def opener(request: pytest.FixtureRequest) -> Opener:
        if cluster := request.config.getoption("--citus"):
            return on_citus(CitusCluster(cluster), settings_for)
        server: EmbeddedServer = request.getfixturevalue("postgres_server")

        @asynccontextmanager
        async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
            dsn = await create_database(server)
            async with settings_for(dsn).open(host) as provider:
                yield provider
            await drop_database(server, dsn)

        return opened

    return opener


def on_citus(cluster: CitusCluster, settings_for: Callable[[str], NativeSettings]) -> Opener:
    """The provider on memories that a cluster of Citus has."""

    @asynccontextmanager
    async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
        dsn = await cluster.create_database()
        async with settings_for(dsn).open(host) as provider:
            yield provider
        await cluster.drop_database(dsn)

    return opened


def walled(request: pytest.FixtureRequest) -> Opener:
    """The provider on PostgreSQL without vectors, behind row-level security and as a role that owns nothing."""
    server: EmbeddedServer = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
        async with walled_database(server) as dsn:
            settings = NativeSettings(dsn=Secret(dsn), embedder=NoEmbedderSettings(), migrate=False)
            async with settings.open(host) as provider:
                yield provider

    return opened


_guards: list[StatementGuard] = []  # of the database below, while it is open


def distributed(request: pytest.FixtureRequest) -> Opener:
    """The provider on memories in the form for Citus, each of whose statements is judged by a guard."""
    server: EmbeddedServer = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
        dsn = await partitioned_database(server)
        _guards.append(StatementGuard(dsn))
        async with native_settings(dsn, HashingEmbedder()).open(host) as provider:
            await provider.identity()  # as a chain asks first: so the provider knows in which form its memories are
            yield provider
        _guards.pop().close()
        await drop_database(server, dsn)

    return opened


@pytest.fixture
async def statements_judged() -> AsyncIterator[None]:
    """Let a test fail whose statements a distributed table would not bear."""
    yield
    for guard in _guards:
        await guard.judge()


def mem0(request: pytest.FixtureRequest) -> Opener:
    """The provider over the real library of mem0, on the same PostgreSQL."""
    server: EmbeddedServer = request.getfixturevalue("postgres_server")

    @asynccontextmanager
    async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
        dsn = await create_database(server)
        # As operators are advised: its settings for the connections to come, its indexes when mem0 has made the table.
        advised = MEM0_DATABASE.read_text("utf-8")
        async with connected(dsn) as database:
            await database.execute(advised[advised.index("DO $$") :])
        async with Mem0Process(dsn, api_key="key") as service:
            async with connected(dsn) as database:
                await database.execute(advised)
            settings = Mem0Settings(base_url=service.base_url, api_key=Secret("key"), dialect="oss")
            async with settings.open(host) as provider:
                yield provider
        await drop_database(server, dsn)

    return opened


def ourselves(dialect: Literal["oss", "platform"]) -> Callable[[pytest.FixtureRequest], Opener]:
    """The provider over a service of our own, which speaks mem0's API in a dialect."""

    def opener(_request: pytest.FixtureRequest) -> Opener:
        @asynccontextmanager
        async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
            with running_service(host.data_dir, {"MEMORY_PROVIDER": "mock"}) as service:
                settings = Mem0Settings(base_url=service.url, api_key=Secret("any"), dialect=dialect)
                async with settings.open(host) as provider:
                    yield provider

        return opened

    return opener


OURSELVES = (ourselves("platform"), ourselves("oss"))


def redis(request: pytest.FixtureRequest) -> Opener:
    """The provider on Redis, in a keyspace of its own."""
    server: RedisServer = request.getfixturevalue("redis_server")
    return server.settings().open


def opensearch(request: pytest.FixtureRequest) -> Opener:
    """The provider on OpenSearch, in an index of its own."""
    server: OpenSearchServer = request.getfixturevalue("opensearch_server")
    return server.settings().open


def redis_vectors(request: pytest.FixtureRequest) -> Opener:
    """The provider on Redis with an embedder."""
    server: RedisServer = request.getfixturevalue("redis_server")
    embedder: Any = LentEmbedder(HashingEmbedder())
    return server.settings(embedder=embedder).open


def opensearch_vectors(request: pytest.FixtureRequest) -> Opener:
    """The provider on OpenSearch with an embedder."""
    server: OpenSearchServer = request.getfixturevalue("opensearch_server")
    embedder: Any = LentEmbedder(HashingEmbedder())

    @asynccontextmanager
    async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
        async with VectorOpenSearch(server.url) as proxy:
            settings = replace(server.settings(timeout=60.0), url=Secret(proxy.base_url), embedder=embedder)
            async with settings.open(host) as provider:
                yield provider

    return opened


def pinecone(_request: pytest.FixtureRequest) -> Opener:
    """The provider on a fake Pinecone whose reads are behind."""

    @asynccontextmanager
    async def opened(host: Host) -> AsyncIterator[MemoryProvider]:
        async with FakePinecone(delay=DELAY) as fake, pinecone_at(fake.base_url).open(host) as provider:
            yield provider
            assert fake.contract.broken == []

    return opened


hashing = native(lambda dsn: native_settings(dsn, HashingEmbedder()))

# A new provider joins the contract with one line here.
PROVIDERS: list[tuple[str, Callable[[pytest.FixtureRequest], Opener]]] = [
    ("mock", mock),
    ("native", native(lambda dsn: NativeSettings(dsn=Secret(dsn)))),
    ("native-words", walled),
    ("redis", redis),
    ("redis-vectors", redis_vectors),
    ("opensearch", opensearch),
    ("opensearch-vectors", opensearch_vectors),
    ("pinecone", pinecone),
    ("mem0", mem0),
    ("mem0-platform-ourselves", OURSELVES[0]),
    ("mem0-oss-ourselves", OURSELVES[1]),
    ("native-distributed", distributed),
    ("native-hashing", hashing),
]


_CORE = "test_contract"  # all that `make test` asks of these; the rest is left to `make thorough`
_CORE_ALONE = (redis, opensearch, pinecone, walled, hashing, distributed)

# A call of the real mem0 takes 10 ms of processor time: `make test` runs this with it, `make thorough` with a service
# of our own, and the soak the others with both.
_BRIEF_ENOUGH = {"test_contract", "test_contract_summaries"}


# A provider over mem0 stores a memory together with what it must know of it, as metadata, and names users anew: what is
# nearly as large as may be is too large then.
_TOO_LARGE_WITH_MORE = {
    "test_content_within_the_limits_is_taken",
    "test_metadata_within_the_limits_is_taken",
    "test_a_user_id_may_have_256_characters",
    "test_a_long_memory_is_found",
}


Make = Callable[[pytest.FixtureRequest], Opener]


def _marks(make: Make, name: str, file: str) -> Iterator[pytest.MarkDecorator]:
    """Yield the marks of a test with a provider: what takes long with it is left to the thorough tests and the soak."""
    of_ourselves, brief = make in OURSELVES, file in _BRIEF_ENOUGH
    if (
        make is redis_vectors
        or (of_ourselves and brief)
        or (make is opensearch_vectors and file == _CORE)
        or (make in _CORE_ALONE and file != _CORE)
    ):
        yield pytest.mark.thorough
    elif of_ourselves or make is opensearch_vectors or (make is mem0 and not brief):
        yield pytest.mark.soak
    if of_ourselves and name in _TOO_LARGE_WITH_MORE:
        yield pytest.mark.xfail(raises=InvalidInput, strict=False, reason="too large with more")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Ask every provider, but those that this run leaves out: to make their tests takes seconds in each process."""
    if "make_opener" not in metafunc.fixturenames:
        return
    asked = []
    for provider, make in PROVIDERS:
        marks = list(_marks(make, metafunc.definition.originalname, metafunc.definition.path.stem))
        if not leaves_out(metafunc.config, {mark.name for mark in marks}):
            asked.append(pytest.param(make, id=provider, marks=marks))
    metafunc.parametrize("make_opener", asked, indirect=True, scope="session")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Judge the statements of each test with the distributed provider: a parameter's mark cannot ask for a fixture."""
    for item in items:
        callspec = getattr(item, "callspec", None)
        if isinstance(item, pytest.Function) and callspec and callspec.params.get("make_opener") is distributed:
            item.fixturenames.append("statements_judged")


@pytest.fixture(scope="session")
def make_opener(request: pytest.FixtureRequest) -> Make:
    """Return what makes the opener of one of the providers."""
    make: Make = request.param
    return make


@pytest.fixture(scope="session")
def opener(make_opener: Make, request: pytest.FixtureRequest) -> Opener:
    """How to open one of the providers; what it needs is running by then."""
    return make_opener(request)


@pytest.fixture(scope="session")
async def provider(opener: Opener, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[MemoryProvider]:
    """One open provider for all tests; they keep apart by their users."""
    host = Host(
        name="contract",
        data_dir=tmp_path_factory.mktemp("contract"),
        metrics=Metrics(CollectorRegistry()),
        clock=HybridClock(),
    )
    async with opener(host) as opened:
        yield opened


@pytest.fixture
def user() -> str:
    """A user nobody has used before."""
    return f"user-{uuid4()}"


@pytest.fixture
def stranger() -> str:
    """Another user nobody has used before."""
    return f"stranger-{uuid4()}"
