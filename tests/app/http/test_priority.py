"""Whatever is no caller's waits for a moment while a caller's request is under way, and for nothing otherwise."""

import asyncio
from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from app.http.priority import BYTES_PER_SECOND, DELAY_SECONDS, MOST_SECONDS, Prioritization
from observability.http import Message, Receive, Scope, Send

OPEN = ["/livez", "/readyz", "/memory/health", "/metrics", "/docs/scalar.js", "/console/login", "/nothing", "/memory"]
CALLERS = ["/memory/recall", "/memory/memories", "/memory/health/x"]


class Scene:
    """An application that answers each path as it is told, and knows how long answers were held back."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.sent: list[int] = []
        self.statuses: dict[str, int] = {}
        self.sizes: dict[str, int] = {}
        self.may_end = asyncio.Event()
        self.under_way = asyncio.Event()
        self.app = Prioritization(self._answer, self._sleep)

    async def ask(self, path: str) -> None:
        """Send a request and wait for its end."""
        await self.app({"type": "http", "path": path}, _nothing, self._take)

    async def with_a_caller(self, work: Callable[[], Coroutine[Any, Any, None]]) -> None:
        """Do something while a caller's request is under way."""
        caller = asyncio.create_task(self.ask("/memory/slow"))
        await self.under_way.wait()
        await work()
        self.may_end.set()
        await caller

    async def _answer(self, scope: Scope, _receive: Receive, send: Send) -> None:
        path = scope["path"]
        if path == "/memory/slow":
            self.under_way.set()
            await self.may_end.wait()
        if path == "/memory/bug":
            raise ValueError(path)
        size = self.sizes.get(path, 0)
        headers = [(b"content-length", str(size).encode())]
        await send({"type": "http.response.start", "status": self.statuses.get(path, 200), "headers": headers})
        await send({"type": "http.response.body", "body": b""})

    async def _sleep(self, seconds: float) -> None:
        self.waits.append(seconds)

    async def _take(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.sent.append(message["status"])


async def _nothing() -> Message:
    return {"type": "http.request"}


@pytest.mark.parametrize("path", OPEN)
async def test_an_open_route_gives_way_to_a_caller(path: str) -> None:
    """Once for an answer, and only while there is one to give way to."""
    scene = Scene()
    await scene.ask(path)
    before = list(scene.waits)
    await scene.with_a_caller(lambda: scene.ask(path))
    during = list(scene.waits)
    await scene.ask(path)

    assert (before, during, scene.waits) == ([], [DELAY_SECONDS], [DELAY_SECONDS])
    assert scene.sent == [200] * 4


@pytest.mark.parametrize("path", CALLERS)
async def test_callers_give_way_to_nobody(path: str) -> None:
    """Neither to each other nor to anybody else."""
    scene = Scene()
    await scene.with_a_caller(lambda: scene.ask(path))

    assert scene.waits == []


async def test_who_shows_no_key_is_no_caller() -> None:
    """It gives way where it asks for memories as well, and nobody gives way to it."""
    scene = Scene()
    scene.statuses["/memory/recall"] = 401
    await scene.ask("/memory/recall")
    assert scene.waits == []
    await scene.with_a_caller(lambda: scene.ask("/memory/recall"))
    await scene.ask("/livez")

    assert scene.waits == [DELAY_SECONDS]


@pytest.mark.parametrize(
    ("size", "seconds"),
    [
        (0, DELAY_SECONDS),
        (BYTES_PER_SECOND // 100, DELAY_SECONDS + 0.01),
        (BYTES_PER_SECOND * 1_000, MOST_SECONDS),
    ],
)
async def test_a_large_answer_waits_longer(size: int, seconds: float) -> None:
    """As much as copying it takes, within a bound."""
    scene = Scene()
    scene.sizes["/docs/scalar.js"] = size
    await scene.with_a_caller(lambda: scene.ask("/docs/scalar.js"))

    assert scene.waits == [seconds]


async def test_a_bug_is_given_way_to_no_longer() -> None:
    """What has ended without an answer has ended."""
    scene = Scene()
    with pytest.raises(ValueError, match="bug"):
        await scene.ask("/memory/bug")
    await scene.ask("/livez")

    assert scene.waits == []
