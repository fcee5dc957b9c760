"""Visitors of consoles over chains in memory."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key
from tests.support.api import asgi_client, running_app
from tests.support.chains import two_providers, wait_until_complete
from tests.support.pages import Visitor

# The same in every process of a test run: tests are named after them.
KEYS = {name: f"ninai_{name}" for name in ("plain", "ops")}
GUARDED = {
    "NINAI__AUTH__MODE": "api_key",
    **{f"NINAI__AUTH__KEYS__{name.upper()}__HASH": hash_key(key) for name, key in KEYS.items()},
    "NINAI__AUTH__KEYS__OPS__SCOPES": "admin",
}


@pytest_asyncio.fixture(scope="session")
async def complete_app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Litestar]:
    """An application over `a` and `b`, which have both received everything."""
    folder: Path = tmp_path_factory.mktemp("chain")
    async with running_app(two_providers(folder)) as app, asgi_client(app) as http:
        await wait_until_complete(http)
        yield app


@pytest_asyncio.fixture
async def visitor(complete_app: Litestar) -> AsyncIterator[Visitor]:
    """A visitor of it; at the end both breakers are left to themselves, and the order is the configured one."""
    async with asgi_client(complete_app) as http:
        yield Visitor(http)
        for name in ("a", "b"):
            await http.put(f"/admin/providers/{name}/breaker", json={"state": "auto"})
        await http.put("/admin/providers/order", json={"order": ["a", "b"]})


@pytest_asyncio.fixture
async def new_app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application over `a` and `b`, of which `b` has not received everything yet."""
    async with running_app(two_providers(tmp_path)) as app:
        yield app


@pytest_asyncio.fixture
async def newcomer(new_app: Litestar) -> AsyncIterator[Visitor]:
    """A visitor of it."""
    async with asgi_client(new_app) as http:
        yield Visitor(http)


@pytest_asyncio.fixture(scope="session")
async def locked_app(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Litestar]:
    """An application that asks for API keys."""
    folder: Path = tmp_path_factory.mktemp("locked")
    async with running_app(two_providers(folder) | GUARDED) as app:
        yield app


@pytest_asyncio.fixture
async def stranger(locked_app: Litestar) -> AsyncIterator[Visitor]:
    """A visitor of it who has not shown a key yet."""
    async with asgi_client(locked_app) as http:
        yield Visitor(http)
