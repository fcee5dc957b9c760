"""An application that follows its configuration file, and what it says in its log."""

import asyncio
import io
import json
import logging
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from typing import Any

import structlog
from litestar import Litestar
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.reloading.source import Source
from app.settings import load
from observability.logs import configure_logs
from tests.support.api import AT_ONCE, served

PATIENCE = 20.0  # seconds
_POLL = 0.02


@asynccontextmanager
async def following_app(environ: Mapping[str, str], file: Path | None = None) -> AsyncIterator[Litestar]:
    """Yield an application that follows a file, with an environment that holds nothing else."""
    source = Source(lambda: load(file, environ=environ))
    app = create_app(source.read().loaded.settings, CollectorRegistry(), source, shared_seconds=AT_ONCE)
    async with served(app):
        yield app


@contextmanager
def listened() -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Return what is logged meanwhile, as events."""
    root = logging.getLogger()
    handlers, level = list(root.handlers), root.level
    stream = io.StringIO()
    configure_logs("json", "info", stream)
    yield lambda: [json.loads(line) for line in stream.getvalue().splitlines()]
    root.handlers = handlers
    root.setLevel(level)
    structlog.reset_defaults()


async def eventually(truth: Callable[[], Awaitable[bool]], seconds: float = PATIENCE) -> float:
    """Wait until something is true, and return how many seconds that took."""
    began = time.monotonic()
    while not await truth():
        assert time.monotonic() - began < seconds, "it did not become true"
        await asyncio.sleep(_POLL)
    return time.monotonic() - began
