"""While the service is read-only, writes are refused in every protocol, and reads are answered as always."""

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.http.operator_schemas import MAX_REASON_CHARS, MAX_RETRY_SECONDS
from app.mode.mode_file import ModeFile, ServiceMode
from tests.support.api import ABSENT_ID, Api, asgi_client, problem_in
from tests.support.following import eventually, following_app, listened

WHY = "moving to another disk"
READ_ONLY = {"mode": "read_only", "reason": WHY, "retry_after": 120}
MCP = {"Accept": "application/json, text/event-stream"}


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """A service over memory alone."""
    environ = {"NINAI__DATA_DIR": str(tmp_path), "MEMORY_PROVIDER": "mock", "NINAI__COMPAT__MEM0__ENABLED": "true"}
    async with following_app(environ) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A client of it."""
    async with asgi_client(app) as client:
        yield client


@pytest_asyncio.fixture(scope="module")
async def shared_http(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[httpx.AsyncClient]:
    """A client of one service for all tests that set no mode."""
    environ = {"NINAI__DATA_DIR": str(tmp_path_factory.mktemp("shared")), "MEMORY_PROVIDER": "mock"}
    async with following_app(environ) as opened, asgi_client(opened) as client:
        yield client


def tool(name: str, **arguments: str) -> dict[str, Any]:
    """A call of a tool of the MCP server."""
    params = {"name": name, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


async def test_writes_are_refused_with_the_reason_and_reads_are_answered(http: httpx.AsyncClient) -> None:
    """Until the mode is set back; the mode says who set it."""
    api = Api(http, "alice")
    memory_id = (await api.remember("likes tea")).json()["memory_id"]
    put = await http.put("/admin/mode", json=READ_ONLY)
    path, batch = f"/memory/memories/{memory_id}", {"memories": [{"content": "likes coffee"}]}

    refused = [
        await api.remember("likes coffee"),
        await api.request("POST", "/memory/remember/batch", json=batch),
        await api.request("PATCH", path, json={"content": "likes coffee"}),
        await api.request(
            "POST", "/memory/update/batch", json={"changes": [{"memory_id": memory_id, "content": "no"}]}
        ),
        await api.request("DELETE", path),
        await api.request("POST", "/memory/delete/batch", json={"memory_ids": [memory_id]}),
        await api.request("DELETE", "/memory/memories?confirm=everything"),
    ]
    answered = [await api.recall("tea"), await api.get(memory_id), await api.page()]

    assert (put.status_code, put.json()["set_by"]) == (200, "anonymous")
    for response in refused:
        problem = problem_in(response)
        assert (response.status_code, problem["type"]) == (503, "urn:ninai:problem:read-only"), problem
        assert response.headers["retry-after"] == "120"
        assert WHY in problem["detail"]
    assert [response.status_code for response in answered] == [200, 200, 200]
    assert (await http.put("/admin/mode", json={"mode": "read_write"})).json()["mode"] == "read_write"
    assert (await api.remember("likes coffee")).status_code == 200


async def test_other_protocols_refuse_writes_in_their_own_words(http: httpx.AsyncClient) -> None:
    """mem0's with its status, a tool with an error that a model can read."""
    await http.put("/admin/mode", json=READ_ONLY)

    added = await http.post("/memories", json={"messages": "likes tea", "user_id": "bob"})
    cleared = await http.delete("/memories", params={"user_id": "bob"})
    called = await http.post("/mcp/u/bob", json=tool("add_memory", content="likes tea"), headers=MCP)
    searched = await http.post("/search", json={"query": "tea", "user_id": "bob"})
    found = await http.post("/mcp/u/bob", json=tool("search_memories", query="tea"), headers=MCP)

    assert (added.status_code, cleared.status_code, searched.status_code) == (503, 503, 200)
    assert added.headers["retry-after"] == "120"
    assert WHY in added.json()["detail"]
    assert called.json()["result"]["isError"]
    assert WHY in called.json()["result"]["content"][0]["text"]
    assert not found.json()["result"].get("isError")


async def test_a_mode_that_another_process_has_set_is_followed_and_seen(
    app: Litestar, http: httpx.AsyncClient, tmp_path: Path
) -> None:
    """In readiness, metrics and console."""
    ModeFile(tmp_path).write(ServiceMode(mode="read_only", reason=WHY, set_by="ops"))

    async def is_followed() -> bool:
        return bool((await http.get("/readyz")).json().get("mode") == "read_only")

    await eventually(is_followed)
    ready = await http.get("/readyz")
    assert (ready.status_code, ready.json()["ready"]) == (200, True)
    assert "ninai_read_only 1.0" in (await http.get("/metrics")).text
    assert f"Writes are refused, as ops has set: {WHY}." in (await http.get("/console")).text
    assert app.state.mode_follower.current == ServiceMode(mode="read_only", reason=WHY, set_by="ops")


async def test_a_mode_outlives_a_restart_and_a_broken_file_changes_nothing(tmp_path: Path) -> None:
    """The mode of before stays in force, and the log says why."""
    environ = {"NINAI__DATA_DIR": str(tmp_path), "MEMORY_PROVIDER": "mock"}
    file = ModeFile(tmp_path)
    file.write(ServiceMode(mode="read_only", reason=WHY))
    with listened() as events:
        async with following_app(environ) as app, asgi_client(app) as http:
            assert (await Api(http, "alice").remember("tea")).status_code == 503
            file.path.write_text("{")

            async def is_told() -> bool:
                return any(event["event"] == "mode_refused" for event in events())

            await eventually(is_told)
            assert (await Api(http, "alice").remember("tea")).status_code == 503


async def test_a_file_that_is_gone_changes_nothing_until_the_mode_is_set_again(tmp_path: Path) -> None:
    """As with a common folder that is not mounted: writes that were stopped stay so."""
    environ = {"NINAI__DATA_DIR": str(tmp_path), "MEMORY_PROVIDER": "mock"}
    file = ModeFile(tmp_path)
    file.write(ServiceMode(mode="read_only", reason=WHY))
    with listened() as events:
        async with following_app(environ) as app, asgi_client(app) as http:
            file.path.unlink()

            async def is_told() -> bool:
                return any(event["event"] == "mode_refused" for event in events())

            await eventually(is_told)
            assert (await Api(http, "alice").remember("tea")).status_code == 503
            await http.put("/admin/mode", json={"mode": "read_write"})
            assert (await Api(http, "alice").remember("tea")).status_code == 200


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"mode": "read_only"}, "reason"),
        ({"mode": "read_only", "reason": "  "}, "reason"),
        ({"mode": "read_only", "reason": "x" * (MAX_REASON_CHARS + 1)}, "reason"),
        ({"mode": "read_only", "reason": WHY, "retry_after": 0}, "retry_after"),
        ({"mode": "read_only", "reason": WHY, "retry_after": MAX_RETRY_SECONDS + 1}, "retry_after"),
        ({"mode": "closed"}, "mode"),
    ],
)
async def test_a_mode_that_breaks_a_rule_is_refused(
    shared_http: httpx.AsyncClient, body: dict[str, Any], field: str
) -> None:
    """The field is named, and the mode stays."""
    response = await shared_http.put("/admin/mode", json=body)

    assert response.status_code == 422
    assert [error["field"] for error in problem_in(response)["errors"]] == [field]
    assert (await shared_http.get("/admin/mode")).json()["mode"] == "read_write"


async def test_a_reason_and_a_time_at_their_bounds_are_taken(http: httpx.AsyncClient) -> None:
    """And a memory that is not there is still not found."""
    body = {"mode": "read_only", "reason": "x" * MAX_REASON_CHARS, "retry_after": MAX_RETRY_SECONDS}

    assert (await http.put("/admin/mode", json=body)).status_code == 200
    assert (await Api(http, "alice").get(ABSENT_ID)).status_code == 404
