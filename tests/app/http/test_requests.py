"""The body of a request is put together while it arrives."""

from typing import Any

import pytest
from litestar import Litestar, Request, post
from litestar.routes import HTTPRoute

from app.http.requests import GrowingRequest, body_of
from tests.support.api import running_app
from tests.support.asgi import ask

PIECE = 64 * 1024


@pytest.mark.parametrize("size", [0, 1, PIECE, PIECE + 1, 20 * PIECE + 7])
async def test_a_body_is_whole_when_its_last_piece_has_come(size: int) -> None:
    """Whatever number of pieces it came in, nothing is left to be joined, and it can be read again."""
    body = bytes(number % 251 for number in range(size))
    seen: list[list[bytes]] = []

    @post("/streamed")
    async def streamed(request: Request[Any, Any, Any]) -> None:
        seen.append([piece async for piece in request.stream()])

    @post("/read")
    async def read(request: Request[Any, Any, Any]) -> None:
        seen.append([await request.body(), await request.body()])

    app = Litestar([streamed, read], request_class=GrowingRequest, request_max_body_size=None)
    for path in ("/streamed", "/read"):
        assert (await ask(app, "POST", path, content=body)).status == 201

    assert seen == [[body], [body, body]]


async def test_the_service_reads_bodies_so() -> None:
    """All of its routes but that of the Model Context Protocol, whose bodies are small."""
    async with running_app({}) as app:
        routes = [route for route in app.routes if isinstance(route, HTTPRoute)]
        requests = {handler.resolve_request_class() for route in routes for handler in route.route_handlers}

    assert requests == {GrowingRequest}


@pytest.mark.parametrize("pieces", [[b""], [b"whole"], [b"in ", b"two"], [b"", b"after", b" nothing", b""]])
async def test_a_body_that_comes_at_once_is_read_as_any_other(pieces: list[bytes]) -> None:
    """However many pieces there are."""
    coming = iter(enumerate(pieces, 1))

    async def receive() -> Any:  # noqa: ANN401 - any message of ASGI
        number, piece = next(coming)
        return {"type": "http.request", "body": piece, "more_body": number < len(pieces)}

    @post("/")
    async def handler() -> None: ...

    app = Litestar([handler], openapi_config=None, request_max_body_size=None)
    [route] = [route for route in app.routes if isinstance(route, HTTPRoute)]
    scope: Any = {"type": "http", "headers": [], "route_handler": route.route_handlers[0], "state": {}}

    assert await body_of(GrowingRequest(scope, receive)) == b"".join(pieces)
