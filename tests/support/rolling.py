"""A rolling restart under load: two replicas on one database, replaced one after the other behind a load balancer."""

import asyncio
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import AbstractAsyncContextManager, ExitStack
from typing import Protocol

import httpx

from tests.support.patience import patience_for
from tests.support.postgres import reachable_folder
from tests.support.service import START_SECONDS, running_service

DRAIN_SECONDS = 2
CLIENTS = 8
NAMES = ("one", "two")

_LOOK_SECONDS = 0.05


class Front(Protocol):
    """A load balancer at `url`; its backends go by name."""

    @property
    def url(self) -> str:
        """Where clients come."""

    def is_ready(self, name: str) -> bool:
        """Return whether it sends new connections to a backend."""


async def statuses_while_replaced(
    database: str, before: Callable[[Mapping[str, int]], AbstractAsyncContextManager[Front]]
) -> Counter[int]:
    """Replace both replicas under load, and return how often clients were answered with which status.

    `before` opens a load balancer before the ports of the replicas.
    """
    variables = patience_for("native") | {"DATABASE_URL": database, "NINAI__SERVER__DRAIN": str(DRAIN_SECONDS)}
    statuses: Counter[int] = Counter()
    with ExitStack() as stack:
        replicas = {
            name: stack.enter_context(running_service(stack.enter_context(reachable_folder()), variables))
            for name in NAMES
        }
        ports = {name: int(replica.url.rsplit(":", 1)[1]) for name, replica in replicas.items()}
        async with before(ports) as front:
            for name in NAMES:
                await _until(lambda name=name: front.is_ready(name))  # type: ignore[misc] # bound at once
            ended = asyncio.Event()
            # A connection for each request is each time the balancer's choice; those that are kept have to be given up.
            clients = [
                asyncio.create_task(_write(front.url, ended, statuses, kept=number % 2 == 0))
                for number in range(CLIENTS)
            ]
            for name, replica in replicas.items():
                assert await asyncio.to_thread(replica.terminate) == 0
                await _until(lambda name=name: not front.is_ready(name))  # type: ignore[misc] # bound at once
                await asyncio.to_thread(replica.start, ports[name])
                await _until(lambda name=name: front.is_ready(name))  # type: ignore[misc] # bound at once
            ended.set()
            await asyncio.gather(*clients)
    return statuses


async def _write(url: str, ended: asyncio.Event, statuses: Counter[int], *, kept: bool) -> None:
    limits = httpx.Limits(max_keepalive_connections=1 if kept else 0)
    async with httpx.AsyncClient(base_url=url, trust_env=False, timeout=30, limits=limits) as client:
        while not ended.is_set():
            response = await client.post("/memory/remember", json={"content": f"tea {statuses.total()}"})
            statuses[response.status_code] += 1


async def _until(condition: Callable[[], bool]) -> None:
    async with asyncio.timeout(START_SECONDS):
        while not condition():  # noqa: ASYNC110 - nobody tells
            await asyncio.sleep(_LOOK_SECONDS)
