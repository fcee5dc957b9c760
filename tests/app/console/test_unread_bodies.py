"""Whoever may not ask is told so before anything of a body is read, everywhere."""

import pytest
from litestar import Litestar

from observability.http import Message, Scope
from tests.app.console.conftest import KEYS
from tests.support.pages import Visitor

CHANGES = [
    *(("POST", f"/memory/{path}") for path in ("remember", "remember/batch", "recall", "recall/batch")),
    *(("PATCH", "/memory/memories/018f0000-0000-7000-8000-000000000000"), ("DELETE", "/memory/memories")),
    *(("PUT", "/admin/providers/a/breaker"), ("PUT", "/admin/providers/order"), ("PUT", "/admin/mode")),
    ("POST", "/admin/quarantines"),
    *(("POST", "/admin/journal/dead/1/a/retry"), ("DELETE", "/admin/journal/dead/1/a")),
]
FORMS = ["/console/login", "/console/logout", "/console/order", "/console/breaker"]
FORM = (b"content-type", b"application/x-www-form-urlencoded")
JSON = (b"content-type", b"application/json")
LENGTH = (b"content-length", b"100")


class Silent:
    """A client that announces a body and sends none of it."""

    def __init__(self) -> None:
        self.asked = 0
        self.status = 0

    async def receive(self) -> Message:
        """Count who waits for a body, and have it go away with nothing."""
        self.asked += 1
        return {"type": "http.disconnect"}

    async def send(self, message: Message) -> None:
        """Take the status of the answer."""
        self.status = message.get("status", self.status)


def scope(method: str, path: str, *headers: tuple[bytes, bytes]) -> Scope:
    """A request as it comes over the network."""
    return {
        "type": "http",
        "http_version": "1.1",
        "scheme": "http",
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
        "method": method,
        "path": path,
        "raw_path": path.encode(),
        "root_path": "",
        "query_string": b"",
        "headers": [(b"host", b"127.0.0.1"), (b"origin", b"http://127.0.0.1"), *headers],
    }


async def asked(app: Litestar, method: str, path: str, *headers: tuple[bytes, bytes]) -> tuple[int, int]:
    """The status of the answer, and how often a body was asked for."""
    client = Silent()
    await app(scope(method, path, *headers), client.receive, client.send)  # type: ignore[arg-type] # ASGI's open types
    return client.status, client.asked


@pytest.mark.parametrize(("method", "path"), CHANGES)
async def test_who_is_not_known_is_told_so_first(locked_app: Litestar, method: str, path: str) -> None:
    """Without a key, and with one that is none."""
    for key in ((), ((b"x-api-key", b"ninai_unknown"),)):
        assert await asked(locked_app, method, path, JSON, LENGTH, *key) == (401, 0)


@pytest.mark.parametrize("path", FORMS)
async def test_a_form_of_nobody_is_not_read(locked_app: Litestar, path: str) -> None:
    """The console answers 401 where a key is needed, and the login 403, which takes forms of its own pages alone."""
    for cookie in ((), ((b"cookie", b"ninai_entrance=made.up; ninai_console=made.up"),)):
        expected = 403 if path == "/console/login" else 401
        assert await asked(locked_app, "POST", path, FORM, LENGTH, *cookie) == (expected, 0)


@pytest.mark.parametrize("path", FORMS[1:])
async def test_a_key_without_a_session_sends_no_form(locked_app: Litestar, path: str) -> None:
    """No page can have given it the token."""
    assert await asked(locked_app, "POST", path, FORM, LENGTH, (b"x-api-key", KEYS["ops"].encode())) == (403, 0)


@pytest.mark.parametrize(("length", "expected"), [(8 * 1024, (400, 1)), (8 * 1024 + 1, (413, 0))])
async def test_a_login_is_read_if_it_is_short(
    stranger: Visitor, locked_app: Litestar, length: int, expected: tuple[int, int]
) -> None:
    """By the length that it announces, where the page with the form was seen."""
    await stranger.look()
    cookies = "; ".join(f"{name}={value}" for name, value in stranger.http.cookies.items()).encode()
    announced = (b"content-length", str(length).encode())

    assert await asked(locked_app, "POST", "/console/login", FORM, announced, (b"cookie", cookies)) == expected
