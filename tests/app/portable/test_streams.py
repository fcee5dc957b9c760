"""Exports and imports that do not come to their end, and what they hold meanwhile."""

import asyncio
import json
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, MutableMapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key, new_key
from app.http.admission.admitted import note_admission
from app.http.line_stream import LineStream
from providers.errors import Unavailable
from providers.limits import MAX_BATCH
from providers.measured import MeasuredProvider
from providers.wrapper import Call, OperationName, Result, Wrapper
from tests.app.portable.portability import exported, imported, lines_in, of_kind, results
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.chains import two_providers

LONG = [f"{number} {'x' * 30_000}" for number in range(80)]  # more than two pages of an export hold
MOMENT = "2026-01-02T03:04:05Z"


class Failing(Wrapper):
    """A provider that answers so many calls of one operation, and then no more."""

    def __init__(self, app: Litestar, operation: OperationName, answered: int) -> None:
        self._chain, self._operation, self.left = app.state.chain, operation, answered

    async def through(self, operation: OperationName, call: Call[Result], size: int = 1) -> Result:  # noqa: ARG002 - the signature
        """Make the call, or fail."""
        if operation == self._operation:
            self.left -= 1
            if self.left < 0:
                raise Unavailable("switched off")
        return await call(self._chain.provider)


class Parked:
    """An admission that tells whether anything is held."""

    def __init__(self) -> None:
        self.held = True

    async def charge(self, price: float) -> None:
        """Charge nothing."""

    @contextmanager
    def parked(self) -> Iterator[None]:
        """Hold nothing for a while."""
        self.held = False
        yield
        self.held = True


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Litestar]:
    """An application whose provider a test replaces."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as opened:
        yield opened


@pytest_asyncio.fixture
async def client(app: Litestar) -> AsyncIterator[Api]:
    """A client of it."""
    async with asgi_client(app) as http:
        yield Api(http, fresh_user())


def fail(app: Litestar, operation: OperationName, answered: int) -> Failing:
    """Let the provider fail after so many calls."""
    failing = Failing(app, operation, answered)
    app.state.provider = MeasuredProvider(lambda: failing, lambda: "failing", app.state.metrics)
    return failing


async def remember_long(api: Api) -> None:
    """Store what is more than two pages."""
    for begin in range(0, len(LONG), 20):
        await api.remember_batch(*LONG[begin : begin + 20])


async def test_an_export_that_fails_says_so_and_goes_on_later(app: Litestar, client: Api) -> None:
    """Its last line is the problem and no trailer; behind its last checkpoint comes the rest."""
    await remember_long(client)
    failing = fail(app, OperationName.LIST, answered=2)
    lines = await exported(client)
    failing.left = 100
    rest = await exported(client, after=of_kind("checkpoint", lines)[-1]["after"])

    assert lines[-1]["kind"] == "failure"
    assert lines[-1]["problem"]["status"] == 503
    assert not of_kind("trailer", lines)
    assert [line["content"] for line in of_kind("memory", [*lines, *rest])] == LONG


async def test_an_export_that_cannot_begin_is_a_problem(app: Litestar, client: Api) -> None:
    """As any other request that cannot be served."""
    fail(app, OperationName.LIST, answered=0)

    assert (await client.request("GET", "/memory/export")).status_code == 503


@pytest.mark.thorough
async def test_an_import_that_stops_half_way_says_where(app: Litestar, client: Api) -> None:
    """What was stored is; the rest failed, and repeating the import completes it."""
    lines = [
        {"kind": "memory", "id": f"018f0000-0000-7000-8000-{number:012}", "content": "tea", "created_at": MOMENT}
        for number in range(MAX_BATCH + 2)
    ]
    failing = fail(app, OperationName.REMEMBER_MANY, answered=1)
    stopped = await imported(client, *lines)
    failing.left = 100
    again = await imported(client, *lines)
    failing.left = 0
    nothing = await imported(client, *lines)

    assert [status for _, status in results(stopped)] == [*["stored"] * MAX_BATCH, "failed", "failed"]
    assert stopped.json()["results"][-1]["problem"]["status"] == 503
    assert (again.json()["stored"], again.json()["failed"]) == (MAX_BATCH + 2, 0)
    assert nothing.status_code == 503


async def test_nothing_is_held_while_the_client_reads() -> None:
    """A place among those that are admitted is taken while a page is read alone."""
    admission, told = Parked(), list[tuple[str, bool]]()

    async def pieces() -> AsyncGenerator[bytes, None]:
        told.append(("read", admission.held))
        yield b"second\n"

    async def send(message: MutableMapping[str, Any]) -> None:
        if message.get("body"):
            told.append((message["body"].decode(), admission.held))

    async def receive() -> MutableMapping[str, Any]:
        raise AssertionError("the body was read before")

    scope: dict[str, Any] = {"type": "http"}
    note_admission(scope, admission)
    await LineStream(b"first\n", pieces(), "text/plain")(scope, receive, send)  # type: ignore[arg-type] # ASGI's open types

    assert told == [("first\n", False), ("read", True), ("second\n", False)]


@pytest.mark.thorough
async def test_a_client_that_leaves_ends_the_work(app: Litestar, client: Api) -> None:
    """No page is read for nobody."""
    await remember_long(client)
    failing = fail(app, OperationName.LIST, answered=100)
    begun, never = asyncio.Event(), asyncio.Event()

    async def send(message: MutableMapping[str, Any]) -> None:
        if message["type"] == "http.response.body":
            begun.set()
            await never.wait()

    requests = iter([{"type": "http.request", "body": b"", "more_body": False}])

    async def receive() -> MutableMapping[str, Any]:
        for request in requests:
            return request
        await begun.wait()
        return {"type": "http.disconnect"}

    headers = [(b"host", b"127.0.0.1"), (b"x-user-id", client.user.encode())]
    scope: dict[str, Any] = {
        "type": "http",
        "method": "GET",
        "path": "/memory/export",
        "raw_path": b"/memory/export",
        "query_string": b"",
        "headers": headers,
        "client": ("127.0.0.1", 1),
        "server": ("127.0.0.1", 80),
        "scheme": "http",
        "http_version": "1.1",
        "root_path": "",
        "app": app,
    }
    await asyncio.wait_for(app(scope, receive, send), 60)  # type: ignore[arg-type] # ASGI's open types

    assert failing.left == 99


async def test_a_chain_exports_and_imports(tmp_path: Path) -> None:
    """Over several providers and a journal everything is as over one."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:
        api = Api(http, fresh_user())
        one, two = await api.stored("one"), await api.stored("two")
        await api.delete(two)
        lines = await exported(api)
        await api.delete(one)
        first, again = await imported(api, *lines), await imported(api, *lines)

        assert [line["id"] for line in of_kind("memory", lines)] == [one]
        assert [line["id"] for line in of_kind("tombstone", lines)] == [two]
        assert first.json() == again.json()
        assert await api.contents() == ["one"]


async def test_operators_export_whom_they_speak_for() -> None:
    """Beside the scope of operators that of exports is needed, and the right to speak for the user."""
    keys = {name: new_key(name) for name in ("operator", "both", "alices")}
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key"}
    for name, key in keys.items():
        environ[f"NINAI__AUTH__KEYS__{name.upper()}__HASH"] = hash_key(key)
        environ[f"NINAI__AUTH__KEYS__{name.upper()}__SCOPES"] = json.dumps(["admin", "memory"])
    environ["NINAI__AUTH__KEYS__OPERATOR__SCOPES"] = '["admin"]'
    environ["NINAI__AUTH__KEYS__ALICES__USER"] = "alice"
    async with running_app(environ) as app, asgi_client(app) as http:
        headers = {"Authorization": f"Bearer {keys['both']}"}
        await http.post("/memory/remember", json={"content": "tea", "user_id": "José"}, headers=headers)
        found = {
            name: await http.get("/admin/users/José/export", headers={"Authorization": f"Bearer {key}"})
            for name, key in keys.items()
        }

    assert {name: response.status_code for name, response in found.items()} == {
        "operator": 403,
        "both": 200,
        "alices": 403,
    }
    header, memory, *_ = lines_in(found["both"])
    assert (header["user_id"], memory["content"]) == ("José", "tea")


@pytest.mark.parametrize(("user", "status"), [("*", 422), ("x" * 257, 422)])
async def test_a_user_who_cannot_be_is_refused(client: Api, user: str, status: int) -> None:
    """As everywhere."""
    assert (await client.http.get(f"/admin/users/{user}/export")).status_code == status
