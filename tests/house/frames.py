"""How many frames a request adds between the controller and the provider, on the running application."""

import asyncio
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import httpx
from msgspec import Struct
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from tests.house.stacks import Probe, Stack
from tests.house.table import Row
from tests.support.api import Api, asgi_client, fresh_user, served
from tests.support.chains import status_of, two_providers, wait_until_complete

ALONE, CHAIN = "alone", "in a chain"
_AIMS = {ALONE: "<= 5", CHAIN: "<= 7"}
_DELIVERY_SECONDS = 30.0
_POLL = 0.05
_NOT_REACHED = "none"  # the handler waits for work that another task does

Step = Callable[[Api, str], Awaitable[object]]
# Each takes the id of a memory that was stored for it.
OPERATIONS: dict[str, Step] = {
    "remember": lambda api, _: api.remember("coffee at nine"),
    "recall": lambda api, _: api.recall("tea"),
    "get": lambda api, memory_id: api.get(memory_id),
    "list": lambda api, _: api.page(),
    "update": lambda api, memory_id: api.update(memory_id, content="tea at noon"),
    "delete": lambda api, memory_id: api.delete(memory_id),
}


class Depth(Struct, frozen=True, kw_only=True):
    """The frames from the handler to the provider, both included, and the number of new tasks among them."""

    operation: str
    frames: tuple[str, ...]
    tasks: int


async def depths(environ: dict[str, str], root: Path) -> list[Depth]:
    """Measure every operation on an application with these settings, each on its second time and for a new user."""
    async with _speaking(environ) as http:
        await _depths(http, root)
        return await _depths(http, root)


async def rows(root: Path, *, stacks: bool = False) -> list[Row]:
    """Return the rows of this measure; with `stacks` every row names its frames."""
    with TemporaryDirectory() as folder:
        alone = await depths({"MEMORY_PROVIDER": "mock"}, root)
        chain = await depths(two_providers(Path(folder)), root)
    return [
        *(_row(depth, ALONE, stacks=stacks) for depth in alone),
        *(_row(depth, CHAIN, stacks=stacks) for depth in chain),
    ]


def _row(depth: Depth, where: str, *, stacks: bool) -> Row:
    tasks = f", through new tasks: {depth.tasks}" if depth.tasks else ""
    return Row(
        measure=f"frames below the handler: {depth.operation} {where}{tasks}",
        value=len(depth.frames) - 1 if depth.frames else _NOT_REACHED,
        aim=_AIMS[where],
        places=depth.frames if stacks else (),
    )


async def _depths(http: httpx.AsyncClient, root: Path) -> list[Depth]:
    return [await _depth(http, operation, root) for operation in OPERATIONS]


async def _depth(http: httpx.AsyncClient, operation: str, root: Path) -> Depth:
    api = Api(http, fresh_user())  # of another user's operations nothing is pending or deleted that a read must heed
    memory_id = await api.stored("tea at five")
    await _delivered(http)
    with Probe().watching() as probe:
        await OPERATIONS[operation](api, memory_id)
    return Depth(operation=operation, frames=_named(probe.stack, root), tasks=probe.tasks)


async def _delivered(http: httpx.AsyncClient) -> None:
    """Wait until no write is pending anywhere."""
    deadline = time.monotonic() + _DELIVERY_SECONDS
    while any(provider["pending"] for provider in (await status_of(http))["providers"]):
        assert time.monotonic() < deadline, "a write is still pending"
        await asyncio.sleep(_POLL)


def _named(stack: Stack, root: Path) -> tuple[str, ...]:
    return tuple(f"{code.co_filename.removeprefix(f'{root}/')}: {code.co_qualname}" for code in stack)


@asynccontextmanager
async def _speaking(environ: dict[str, str]) -> AsyncIterator[httpx.AsyncClient]:
    """Run an application with the product's own limits, and wait until each of its providers is up to date."""
    with TemporaryDirectory() as folder:
        settings = load(None, environ={"NINAI__DATA_DIR": folder, **environ}).settings
        app = create_app(settings, CollectorRegistry(), shared_seconds=0.0)
        async with served(app), asgi_client(app) as http:
            await wait_until_complete(http)
            yield http
