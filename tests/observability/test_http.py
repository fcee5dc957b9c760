"""The wrapper around the application, seen from outside and from inside."""

import asyncio
import re
from typing import Any

import pytest
from prometheus_client import CollectorRegistry

from observability.http import AsgiApp, Message, Observed, Receive, Scope, Send
from observability.metrics import Metrics
from observability.notes import current

DURATION = "ninai_http_request_duration_seconds_count"


class Server:
    """A server of one application, that keeps what it was sent."""

    def __init__(self, app: AsgiApp) -> None:
        self.registry = CollectorRegistry()
        self.sent: list[Message] = []
        self._app = Observed(app, Metrics(self.registry))

    async def request(
        self, method: str = "GET", headers: tuple[tuple[bytes, bytes], ...] = (), **scope: object
    ) -> None:
        """Let one request through."""
        await self._app(
            {"type": "http", "method": method, "headers": list(headers), **scope}, self._receive, self._send
        )

    def header(self, name: bytes) -> bytes | None:
        """One header of the last response."""
        [start] = [message for message in self.sent if message["type"] == "http.response.start"]
        return dict(start["headers"]).get(name)

    def headers(self, name: bytes) -> list[bytes]:
        """One header of the last response, as often as it was sent."""
        [start] = [message for message in self.sent if message["type"] == "http.response.start"]
        return [value for one, value in start["headers"] if one == name]

    def counted(self, **labels: str) -> float | None:
        """How many requests were counted under these labels."""
        return self.registry.get_sample_value(DURATION, labels)

    def in_flight(self) -> float | None:
        """How many requests are being answered now."""
        return self.registry.get_sample_value("ninai_http_requests_in_flight")

    async def _receive(self) -> Message:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def _send(self, message: Message) -> None:
        self.sent.append(message)


async def well(scope: Scope, _receive: Receive, send: Send) -> None:
    """Answer at a known route."""
    scope["path_template"] = "/things/{id}"
    await send({"type": "http.response.start", "status": 200, "headers": [(b"x-own", b"1")]})
    await send({"type": "http.response.body", "body": b""})


async def test_a_request_gets_an_id_and_a_time() -> None:
    """Headers are added to those of the application, and the request is counted under its route."""
    server = Server(well)

    await server.request()

    assert server.header(b"x-own") == b"1"
    assert re.fullmatch(rb"[0-9a-f]{32}", server.header(b"x-request-id") or b"")
    assert re.fullmatch(rb"total;dur=\d+\.\d\d", server.header(b"server-timing") or b"")
    assert server.header(b"memory-provider") is None
    assert server.counted(method="GET", route="/things/{id}", status="200") == 1


async def test_a_response_that_says_nothing_of_it_is_not_kept() -> None:
    """Neither by a browser nor by a proxy; what the application says of it counts."""

    async def kept(_scope: Scope, _receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": [(b"cache-control", b"no-cache")]})
        await send({"type": "http.response.body", "body": b""})

    silent, speaking = Server(well), Server(kept)
    for server in (silent, speaking):
        await server.request()

    assert silent.headers(b"cache-control") == [b"no-store"]
    assert speaking.headers(b"cache-control") == [b"no-cache"]


async def test_notes_become_headers() -> None:
    """Who answered last is told, with all the time that was spent waiting."""

    async def noting(scope: Scope, receive: Receive, send: Send) -> None:
        notes = current.get()
        assert notes is not None
        notes.provider = "second"
        notes.provider_seconds = 0.75
        await well(scope, receive, send)

    server = Server(noting)
    await server.request()

    assert server.header(b"memory-provider") == b"second"
    assert (server.header(b"server-timing") or b"").endswith(b", provider;dur=750.00")


async def test_the_first_harmless_id_counts() -> None:
    """An id that could break a line is passed over, and a good one after it is taken."""
    server = Server(well)

    await server.request(headers=((b"x-request-id", b"a\nb"), (b"x-request-id", b"good"), (b"x-request-id", b"late")))

    assert server.header(b"x-request-id") == b"good"


async def test_notes_end_with_their_request() -> None:
    """Requests at the same time have notes of their own, and afterwards there are none."""
    ids: list[str] = []

    async def slow(scope: Scope, receive: Receive, send: Send) -> None:
        notes = current.get()
        assert notes is not None
        await asyncio.sleep(0)
        assert current.get() is notes
        ids.append(notes.request_id)
        await well(scope, receive, send)

    server = Server(slow)
    await asyncio.gather(*(server.request() for _ in range(50)))

    assert len(set(ids)) == 50
    assert current.get() is None


async def test_requests_in_flight_are_counted() -> None:
    """A request counts as in flight until it ends, however it ends."""
    arrived, leave = asyncio.Event(), asyncio.Event()

    async def waiting(_scope: Scope, _receive: Receive, _send: Send) -> None:
        arrived.set()
        await leave.wait()

    server = Server(waiting)
    task = asyncio.create_task(server.request())
    await arrived.wait()
    assert server.in_flight() == 1
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)

    assert server.in_flight() == 0
    assert server.counted(method="GET", route="unmatched", status="499") == 1


async def test_an_error_passes_and_is_counted() -> None:
    """What the application lets out goes on to the server, and the request is counted all the same."""

    async def broken(_scope: Scope, _receive: Receive, _send: Send) -> None:
        raise RuntimeError("broken")

    server = Server(broken)
    with pytest.raises(RuntimeError):
        await server.request()

    assert server.in_flight() == 0
    assert server.counted(method="GET", route="unmatched", status="499") == 1


@pytest.mark.parametrize("method", ["BREW", "get", "G" * 100, ""])
async def test_an_unknown_method_is_no_label(method: str) -> None:
    """Methods that a client made up are counted together."""
    server = Server(well)

    await server.request(method)

    assert server.counted(method="OTHER", route="/things/{id}", status="200") == 1


@pytest.mark.parametrize("kind", ["lifespan", "websocket"])
async def test_what_is_no_request_passes_unseen(kind: str) -> None:
    """Only HTTP is observed."""
    seen: list[Any] = []

    async def inner(scope: Scope, _receive: Receive, _send: Send) -> None:
        seen.append((scope["type"], current.get()))

    server = Server(inner)
    await server.request(type=kind)

    assert seen == [(kind, None)]
    assert server.in_flight() == 0


@pytest.mark.parametrize(
    ("scheme", "forwarded", "strict"),
    [
        ("http", None, False),
        ("http", b"http", False),
        ("https", None, True),
        ("http", b"https", True),
        ("http", b"HTTPS, http", True),
        ("http", b"http, https", False),
    ],
)
async def test_browsers_are_told_to_be_careful(scheme: str, forwarded: bytes | None, *, strict: bool) -> None:
    """Never to guess a type, and to come back by TLS alone once they came so."""
    server = Server(well)

    await server.request(headers=() if forwarded is None else ((b"x-forwarded-proto", forwarded),), scheme=scheme)

    assert server.headers(b"x-content-type-options") == [b"nosniff"]
    assert server.headers(b"strict-transport-security") == ([b"max-age=31536000"] if strict else [])
