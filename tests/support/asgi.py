"""One request to an application without a client, so that what it costs is the application's alone."""

import asyncio
import sys
import tracemalloc
from collections.abc import Sequence
from types import FrameType
from typing import Any

from litestar import Litestar
from msgspec import Struct

Headers = Sequence[tuple[bytes, bytes]]

_MEASUREMENTS = 3
_PIECE_BYTES = 64 * 1024  # of a body, as a server hands it over


class Answer(Struct, frozen=True):
    """What came back; `size` is bytes of the body."""

    status: int
    size: int
    headers: dict[bytes, bytes]


async def ask(
    app: Litestar,
    method: str,
    path: str,
    headers: Headers = (),
    body: asyncio.Event | None = None,
    content: bytes = b"",
) -> Answer:
    """Send one request and return its answer, whose body is not kept; its own comes when `body` is set, in pieces."""
    path, _, query = path.partition("?")
    scope: dict[str, Any] = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": query.encode(),
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1"), *headers],
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "state": {},
    }
    status, size, got = 0, 0, dict[bytes, bytes]()
    pieces = [content[begin : begin + _PIECE_BYTES] for begin in range(0, len(content), _PIECE_BYTES)] or [b""]
    pieces.reverse()

    async def receive() -> dict[str, Any]:
        if body is not None:
            await body.wait()
        await asyncio.sleep(0)
        return {"type": "http.request", "body": pieces.pop() if pieces else b"", "more_body": bool(pieces)}

    async def send(message: Any) -> None:  # noqa: ANN401 - any message of ASGI
        nonlocal status, size, got
        if message["type"] == "http.response.start":
            status, got = message["status"], dict(message["headers"])
        else:
            size += len(message.get("body", b""))

    await app(scope, receive, send)  # type: ignore[arg-type] # the framework's own names for ASGI's open types
    return Answer(status, size, got)


class Effort(Struct, frozen=True):
    """What one request made the event loop's thread do: calls of functions, and bytes it held at most beside before."""

    calls: int
    held: int


async def effort_of(app: Litestar, method: str, path: str, headers: Headers = ()) -> Effort:
    """Measure one request by counting: unlike a time, that is the same on a busy machine.

    The least of several, because what the application does beside the request is counted with it.
    """
    efforts = [
        Effort(await _calls_of(app, method, path, headers), await _held_by(app, method, path, headers))
        for _ in range(_MEASUREMENTS)
    ]
    return Effort(min(effort.calls for effort in efforts), min(effort.held for effort in efforts))


async def _calls_of(app: Litestar, method: str, path: str, headers: Headers) -> int:
    calls = 0

    def count(_frame: FrameType, event: str, _argument: object) -> None:
        nonlocal calls
        calls += event in {"call", "c_call"}

    sys.setprofile(count)
    try:
        await ask(app, method, path, headers)
    finally:
        sys.setprofile(None)
    return calls


async def _held_by(app: Litestar, method: str, path: str, headers: Headers) -> int:
    tracemalloc.start()
    try:
        before, _ = tracemalloc.get_traced_memory()
        await ask(app, method, path, headers)
        _, most = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    return most - before
