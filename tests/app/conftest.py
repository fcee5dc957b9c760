"""Running applications of each flavour, once per session, and clients with a fresh user for every test."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key, new_key
from providers.native.embedded import EmbeddedServer
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.postgres import create_database, drop_database


def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """Leave a file out where none of it is asked for: its two thousand cases are made when it is collected."""
    edges = collection_path.name == "test_schemathesis_edges.py"
    return True if edges and config.option.markexpr != "soak" else None


@pytest_asyncio.fixture(scope="session")
async def native_app(postgres_server: EmbeddedServer) -> AsyncIterator[Litestar]:
    """The application over PostgreSQL."""
    dsn = await create_database(postgres_server)
    async with running_app({"DATABASE_URL": dsn}) as app:
        yield app
    await drop_database(postgres_server, dsn)


@pytest_asyncio.fixture(scope="session")
async def mock_app() -> AsyncIterator[Litestar]:
    """The application over memory alone, for what is about HTTP and not about memories."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as app:
        yield app


@pytest.fixture(scope="session")
def free_key() -> str:
    """An API key that speaks for whichever user it names."""
    return new_key("test")


@pytest.fixture(scope="session")
def bound_key() -> str:
    """An API key that speaks for `alice` alone."""
    return new_key("test")


@pytest_asyncio.fixture(scope="session")
async def guarded_app(free_key: str, bound_key: str) -> AsyncIterator[Litestar]:
    """The application that asks for API keys, over memory alone."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__FREE__HASH": hash_key(free_key),
        "NINAI__AUTH__KEYS__BOUND__HASH": hash_key(bound_key),
        "NINAI__AUTH__KEYS__BOUND__USER": "alice",
    }
    async with running_app(environ) as app:
        yield app


@pytest_asyncio.fixture(scope="session")
async def native_http(native_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of the application over PostgreSQL."""
    async with asgi_client(native_app) as http:
        yield http


@pytest_asyncio.fixture(scope="session")
async def mock_http(mock_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of the application over memory alone."""
    async with asgi_client(mock_app) as http:
        yield http


@pytest_asyncio.fixture(scope="session")
async def guarded_http(guarded_app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of the application that asks for API keys."""
    async with asgi_client(guarded_app) as http:
        yield http


@pytest.fixture
def api(native_http: httpx.AsyncClient) -> Api:
    """A client over PostgreSQL, with a user nobody has used before."""
    return Api(native_http, fresh_user())


@pytest.fixture
def mock_api(mock_http: httpx.AsyncClient) -> Api:
    """A client over memory alone, with a user nobody has used before."""
    return Api(mock_http, fresh_user())


@pytest.fixture(params=["native", "mock"])
def either(request: pytest.FixtureRequest, api: Api, mock_api: Api) -> Api:
    """A client of each flavour in turn, for what must hold whatever keeps the memories."""
    return {"native": api, "mock": mock_api}[request.param]
