"""Two hosts with data folders of their own and one common folder follow what operators set at either of them."""

import json
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from pathlib import Path

import httpx
import pytest_asyncio
from click.testing import CliRunner

from app.cli import main
from tests.support.api import asgi_client
from tests.support.chains import status_of
from tests.support.following import eventually, following_app

MOCKS = """order = ["a", "b"]
[providers.a]
kind = "mock"
[providers.b]
kind = "mock"
"""


def key(folder: Path, *arguments: str) -> str:
    """Run `ninai keys` on a host whose common folder this is, and return the key that it shows."""
    variables = {"NINAI__DATA_DIR": str(folder.parent / "third"), "NINAI__SHARED_DIR": str(folder)}
    done = CliRunner().invoke(main, ["keys", *arguments, "--json"], env=variables)
    assert done.exit_code == 0, done.output
    return str(json.loads(done.stdout).get("key", ""))


@pytest_asyncio.fixture
async def ops(tmp_path: Path) -> str:
    """The key of an operator, made at a third host."""
    return key(tmp_path / "common", "new", "ops", "--scope", "admin")


@pytest_asyncio.fixture
async def hosts(tmp_path: Path, ops: str) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of two hosts, as the operator."""
    file = tmp_path / "ninai.toml"
    file.write_text(MOCKS)
    async with AsyncExitStack() as stack:
        clients = []
        for name in ("first", "second"):
            environ = {
                "NINAI__AUTH__MODE": "api_key",
                "NINAI__DATA_DIR": str(tmp_path / name),
                "NINAI__SHARED_DIR": str(tmp_path / "common"),
            }
            app = await stack.enter_async_context(following_app(environ, file))
            client = await stack.enter_async_context(asgi_client(app))
            client.headers["Authorization"] = f"Bearer {ops}"
            clients.append(client)
        yield clients


async def test_the_order_and_the_mode_are_in_force_at_both(hosts: list[httpx.AsyncClient]) -> None:
    """Whichever host was told."""
    [first, second] = hosts

    ordered = await first.put("/admin/providers/order", json={"order": ["a"]})
    told = await second.put("/admin/mode", json={"mode": "read_only", "reason": "a new disk"})

    assert (ordered.status_code, told.status_code) == (200, 200)

    async def order_is_there() -> bool:
        return bool((await status_of(second))["order"] == ["a"])

    async def mode_is_there() -> bool:
        return bool((await first.get("/admin/mode")).json()["mode"] == "read_only")

    await eventually(order_is_there)
    await eventually(mode_is_there)


@pytest_asyncio.fixture
async def open_hosts(tmp_path: Path) -> AsyncIterator[list[httpx.AsyncClient]]:
    """Clients of two hosts, each with a file of its own, that need no keys."""
    async with AsyncExitStack() as stack:
        clients = []
        for name in ("first", "second"):
            file = tmp_path / f"{name}.toml"
            file.write_text(MOCKS)
            environ = {"NINAI__DATA_DIR": str(tmp_path / name), "NINAI__SHARED_DIR": str(tmp_path / "common")}
            app = await stack.enter_async_context(following_app(environ, file))
            clients.append(await stack.enter_async_context(asgi_client(app)))
        yield clients


async def test_an_order_outlives_another_configuration_at_one_host(
    open_hosts: list[httpx.AsyncClient], tmp_path: Path
) -> None:
    """That passes it over, while it applies at the others."""
    [first, second] = open_hosts

    async def set_by(client: httpx.AsyncClient, *expected: str) -> bool:
        return (await client.get("/admin/providers/order")).json()["set_by"] in expected

    await first.put("/admin/providers/order", json={"order": ["a"]})
    await eventually(lambda: set_by(second, "anonymous"))
    (tmp_path / "second.toml").write_text(MOCKS.replace('["a", "b"]', '["a"]'))
    await eventually(lambda: set_by(second, "configuration"))

    assert (tmp_path / "common" / "order.json").exists()
    assert await set_by(first, "anonymous")


async def test_a_common_folder_that_is_not_mounted_changes_nothing(
    open_hosts: list[httpx.AsyncClient], tmp_path: Path
) -> None:
    """Another folder stands in its place, and is empty: the order and the mode of before stay in force."""
    [first, second] = open_hosts
    await first.put("/admin/providers/order", json={"order": ["a"]})
    await first.put("/admin/mode", json={"mode": "read_only", "reason": "a new disk"})
    common = tmp_path / "common"

    async def is_followed() -> bool:
        order, mode = await second.get("/admin/providers/order"), await second.get("/admin/mode")
        return bool((order.json()["order"], mode.json()["mode"]) == (["a"], "read_only"))

    async def is_refused() -> bool:
        return "order.json" in str((await second.get("/admin/providers/order")).json()["refused"])

    await eventually(is_followed)
    common.rename(tmp_path / "elsewhere")
    common.mkdir()
    await eventually(is_refused)
    assert await is_followed()
    common.rmdir()
    (tmp_path / "elsewhere").rename(common)
    await first.put("/admin/mode", json={"mode": "read_write"})

    async def is_mended() -> bool:
        order, mode = await second.get("/admin/providers/order"), await second.get("/admin/mode")
        return bool((order.json()["refused"], mode.json()["mode"]) == (None, "read_write"))

    await eventually(is_mended)


async def test_a_key_is_made_and_withdrawn_for_both(hosts: list[httpx.AsyncClient], tmp_path: Path) -> None:
    """Without a word to either of them."""
    agent = key(tmp_path / "common", "new", "agent")

    async def statuses_are(expected: int) -> bool:
        headers = {"Authorization": f"Bearer {agent}", "X-User-ID": "alice"}
        answers = [await host.get("/memory/memories", headers=headers) for host in hosts]
        return {answer.status_code for answer in answers} == {expected}

    await eventually(lambda: statuses_are(200))
    key(tmp_path / "common", "revoke", "agent")
    await eventually(lambda: statuses_are(401))
