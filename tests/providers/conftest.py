"""Every provider that keeps the contract, opened once per session, and fresh users to test it with."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager
from uuid import uuid4

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.base import MemoryProvider
from providers.clock import HybridClock
from providers.mock import MockSettings
from providers.types import Host

Opener = Callable[[Host], AbstractAsyncContextManager[MemoryProvider]]

# A new provider joins the contract with one line here.
PROVIDERS: list[tuple[str, Opener]] = [
    ("mock", MockSettings().open),
]


@pytest.fixture(scope="session", params=[pytest.param(opener, id=name) for name, opener in PROVIDERS])
async def provider(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[MemoryProvider]:
    """One open provider for all tests; they keep apart by their users."""
    opener: Opener = request.param
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
