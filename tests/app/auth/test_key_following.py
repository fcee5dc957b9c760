"""Keys change while the service runs: made, rotated, revoked and expired by `ninai keys`, with every store down."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from click.testing import CliRunner
from litestar import Litestar

from app.auth.key_uses import KeyUses
from app.cli import main
from tests.support.api import Api, asgi_client, running_app
from tests.support.following import listened
from tests.support.pages import Visitor

LONGEST = 200  # looks, a tenth of a second apart, on a machine that is busy


def keys(folder: Path, *arguments: str) -> dict[str, str]:
    """Run `ninai keys` on the keys of a service, and return what it says."""
    result = CliRunner().invoke(main, ["keys", *arguments, "--json", "--data-dir", str(folder)])
    assert result.exit_code == 0, result.output
    told: dict[str, str] = json.loads(result.stdout)
    return told


async def until(condition: Callable[[], Awaitable[bool]]) -> bool:
    """Wait until something is so; return whether it came to be."""
    for _ in range(LONGEST):
        if await condition():
            return True
        await asyncio.sleep(0.1)
    return False


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The data folder of a service, which has an operator's key."""
    return tmp_path / "data"


@pytest.fixture
def ops(folder: Path) -> str:
    """An operator's key."""
    return keys(folder, "new", "ops", "--scope", "admin")["key"]


@pytest_asyncio.fixture
async def app(folder: Path, ops: str) -> AsyncIterator[Litestar]:
    """A service that follows these keys."""
    assert ops
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key", "NINAI__DATA_DIR": str(folder)}
    environ["NINAI__TENANTS__ENABLED"] = "true"
    async with running_app(environ) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


def status(
    http: httpx.AsyncClient, key: str, expected: int, path: str = "/memory/memories"
) -> Callable[[], Awaitable[bool]]:
    """Return a look at the status of a request with a key."""

    async def look() -> bool:
        headers = {"X-API-Key": key, "X-User-ID": "alice"}
        return (await http.get(path, headers=headers)).status_code == expected

    return look


async def test_a_key_is_made_and_revoked_under_a_running_service(http: httpx.AsyncClient, folder: Path) -> None:
    """It is known soon after it was made, refused soon after it was withdrawn, and the caller is told why."""
    key = keys(folder, "new", "agent")["key"]
    assert await until(status(http, key, 200))

    keys(folder, "revoke", "agent")

    assert await until(status(http, key, 401))
    response = await http.get("/memory/memories", headers={"X-API-Key": key})
    assert response.json()["detail"] == "This API key was revoked"


async def test_a_session_ends_with_its_key(http: httpx.AsyncClient, folder: Path, ops: str) -> None:
    """Whoever has a cookie only has what the key has."""
    visitor = Visitor(http)
    assert (await visitor.log_in(ops)).status == 200

    keys(folder, "revoke", "ops")

    async def is_out() -> bool:
        return (await visitor.look()).status == 401

    assert await until(is_out)


async def test_a_session_does_not_come_back_with_its_key(app: Litestar, folder: Path, ops: str) -> None:
    """A key that had ended and counts again opens a new session, and none from before."""
    visitor, later = Visitor(asgi_client(app)), Visitor(asgi_client(app))
    assert (await visitor.log_in(ops)).status == 200
    keys(folder, "expire", "ops", "2020-01-01")

    async def is_out() -> bool:
        return (await visitor.look()).status == 401

    assert await until(is_out)
    keys(folder, "expire", "ops", "--never")

    async def is_in() -> bool:
        return (await later.log_in(ops)).status == 200

    assert await until(is_in)
    assert await is_out()


async def test_a_rotation_loses_no_request(http: httpx.AsyncClient, folder: Path) -> None:
    """Both secrets are one caller, so that a retry with the new one repeats what the former one began."""
    former = keys(folder, "new", "agent", "--user", "alice")["key"]
    assert await until(status(http, former, 200))
    first = await Api(http, "alice", {"X-API-Key": former}).remember("tea", key="once")

    present = keys(folder, "rotate", "agent")["key"]
    assert await until(status(http, present, 200))
    again = await Api(http, "alice", {"X-API-Key": present}).remember("tea", key="once")
    late = await Api(http, "alice", {"X-API-Key": former}).remember("tea", key="once")

    assert first.json() == again.json() == late.json()
    assert await Api(http, "alice", {"X-API-Key": present}).contents() == ["tea"]
    keys(folder, "expire", "agent", "--former")
    assert await until(status(http, former, 401))
    assert await status(http, present, 200)()


async def test_a_key_can_be_given_an_end(http: httpx.AsyncClient, folder: Path) -> None:
    """And another one."""
    key = keys(folder, "new", "agent")["key"]
    assert await until(status(http, key, 200))

    keys(folder, "expire", "agent", "2020-01-01")
    assert await until(status(http, key, 401))
    keys(folder, "expire", "agent", "--never")
    assert await until(status(http, key, 200))


@pytest.mark.parametrize("broken", [b"{", b'{"keys": {"a": {"hash": "canary7f3a"}}}', b'{"keys": {}, "more": 1}', None])
async def test_a_file_that_cannot_be_used_changes_nothing(
    http: httpx.AsyncClient, folder: Path, broken: bytes | None
) -> None:
    """The keys of before count on, one line tells what is wrong without quoting it, and what is mended is followed."""
    key = keys(folder, "new", "agent")["key"]
    assert await until(status(http, key, 200))
    file = folder / "keys.json"
    whole = file.read_bytes()

    with listened() as events:
        if broken is None:
            file.unlink()
        else:
            file.write_bytes(broken)

        async def is_refused() -> bool:
            return bool([one for one in events() if one["event"] == "keys_refused"])

        assert await until(is_refused)
        assert "canary7f3a" not in str(events())
    assert await status(http, key, 200)()
    file.write_bytes(whole)
    keys(folder, "revoke", "agent")
    assert await until(status(http, key, 401))


async def test_the_tenant_of_a_key_reaches_the_stores(http: httpx.AsyncClient, folder: Path) -> None:
    """Two tenants' users of one name never meet."""
    mine = keys(folder, "new", "mine", "--user", "alice")["key"]
    theirs = keys(folder, "new", "theirs", "--user", "alice", "--tenant", "acme")["key"]
    assert await until(status(http, mine, 200))
    await Api(http, "alice", {"X-API-Key": mine}).stored("tea")

    response = await http.get("/memory/memories", headers={"X-API-Key": theirs})

    assert response.json()["memories"] == []
    stored = await Api(http, "alice", {"X-API-Key": theirs}).stored("coffee")
    [memory] = (await http.get("/memory/memories", headers={"X-API-Key": theirs})).json()["memories"]
    assert (memory["id"], memory["user_id"], memory["tenant"]) == (stored, "alice", "acme")
    [own] = (await http.get("/memory/memories", headers={"X-API-Key": mine})).json()["memories"]
    assert (own["content"], own["user_id"]) == ("tea", "alice")


async def test_the_last_use_is_noted(app: Litestar, http: httpx.AsyncClient, folder: Path) -> None:
    """To the hour, by the name of the host."""
    key = keys(folder, "new", "agent")["key"]
    assert await until(status(http, key, 200))

    await asyncio.to_thread(app.state.key_follower.note_uses)

    uses = KeyUses.below(folder).all()
    assert {name for name, found in uses.items() if found} == {"agent"}
    assert uses["agent"][0].at.minute == 0
    [view] = [one for one in json.loads(_listed(folder)) if one["name"] == "agent"]
    assert view["uses"][0]["host"] == uses["agent"][0].host
    assert key not in _listed(folder)


def _listed(folder: Path) -> str:
    return CliRunner().invoke(main, ["keys", "list", "--json", "--data-dir", str(folder)]).stdout
