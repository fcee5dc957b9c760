"""What `/mcp` refuses before the protocol begins, as JSON-RPC writes errors."""

import json
from typing import Any

import httpx
import pytest
from litestar import Litestar
from mcp.shared.exceptions import MCPError

from app.http.body_limit import MAX_BODY_BYTES
from tests.support.api import asgi_client, fresh_user, running_app
from tests.support.mcp import MODES, connected

HEADERS = {"Accept": "application/json, text/event-stream", "Content-Type": "application/json"}


def call(tool: str = "list_memories", **arguments: object) -> dict[str, Any]:
    """Return a request for a tool."""
    params = {"name": tool, "arguments": arguments}
    return {"jsonrpc": "2.0", "id": 1, "method": "tools/call", "params": params}


def fault_in(response: httpx.Response) -> dict[str, Any]:
    """Return the error of a response, after checking that it is one of JSON-RPC."""
    assert response.headers["content-type"] == "application/json"
    answer = response.json()
    assert answer["jsonrpc"] == "2.0"
    fault: dict[str, Any] = answer["error"]
    return fault


@pytest.mark.parametrize("mode", MODES)
async def test_a_client_learns_that_it_needs_a_key(guarded_app: Litestar, mode: str) -> None:
    """The SDK's client shows the words of the refusal."""
    with pytest.raises((MCPError, ExceptionGroup)) as refused:
        async with connected(guarded_app, mode=mode) as client:
            await client.list_tools()

    assert "Send an API key" in _all_of(refused.value)


async def test_without_a_key_there_is_a_challenge(guarded_http: httpx.AsyncClient) -> None:
    """The status and the header are those of the API."""
    response = await guarded_http.post("/mcp", headers=HEADERS, json=call())

    assert (response.status_code, response.headers["www-authenticate"]) == (401, 'Bearer realm="ninai"')
    assert fault_in(response)["code"] == -32600
    assert fault_in(response)["data"]["type"] == "urn:ninai:problem:unauthenticated"


@pytest.mark.parametrize("mode", MODES)
async def test_a_bound_key_speaks_for_its_user(guarded_app: Litestar, bound_key: str, mode: str) -> None:
    """It needs no user, may name its own, and no other."""
    headers = {"Authorization": f"Bearer {bound_key}"}
    async with connected(guarded_app, mode=mode, **headers) as client:
        await client.call_tool("add_memory", {"content": "Alice likes tea"})
    async with connected(guarded_app, "/mcp/u/alice", mode=mode, **headers) as client:
        own = await client.call_tool("search_memories", {"query": "tea"})
    async with asgi_client(guarded_app) as http:
        foreign = await http.post("/mcp/u/bob", headers={**HEADERS, **headers}, json=call())

    assert {one["user_id"] for one in own.structured_content["memories"]} == {"alice"}
    assert foreign.status_code == 403
    assert "for its own user alone" in fault_in(foreign)["message"]


async def test_a_free_key_must_name_a_user(guarded_app: Litestar, free_key: str) -> None:
    """There is no default user where keys are asked for."""
    async with asgi_client(guarded_app) as http:
        response = await http.post("/mcp", headers={**HEADERS, "X-API-Key": free_key}, json=call())
    async with connected(guarded_app, f"/mcp/u/{fresh_user()}", X_API_Key=free_key) as client:
        listed = await client.call_tool("list_memories", {})

    assert response.status_code == 422
    assert "is required with this key: the address is /mcp/u/{user}" in fault_in(response)["message"]
    assert listed.structured_content["count"] == 0


async def test_the_path_and_the_head_name_one_user(mock_http: httpx.AsyncClient) -> None:
    """Two would be told apart by chance, as everywhere; the same one twice is no fault."""
    two = await mock_http.post("/mcp/u/anna", headers={**HEADERS, "X-User-ID": "eve"}, json=call())
    one = await mock_http.post("/mcp/u/anna", headers={**HEADERS, "X-User-ID": "anna"}, json=call())

    assert (two.status_code, one.status_code) == (400, 200)
    assert "the user in the path names another user than X-User-ID" in fault_in(two)["message"]


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Host": "evil.example"}, 403),
        ({"X-User-ID": "*"}, 422),
        ({"X-Request-Timeout-Ms": "soon"}, 422),
        ({"Idempotency-Key": "k" * 256}, 422),
    ],
)
async def test_heads_are_checked_as_everywhere(
    mock_http: httpx.AsyncClient, headers: dict[str, str], status: int
) -> None:
    """Pages of other sites, foreign names of this host, wildcards and malformed headers are refused."""
    response = await mock_http.post("/mcp", headers={**HEADERS, **headers}, json=call())

    assert response.status_code == status
    assert fault_in(response)["message"]


@pytest.mark.parametrize("path", ["/mcp/", "/mcp/u/bob/"])
async def test_a_slash_at_the_end_is_harmless(mock_http: httpx.AsyncClient, path: str) -> None:
    """The address is the same."""
    assert (await mock_http.post(path, headers=HEADERS, json=call())).status_code == 200


@pytest.mark.parametrize("path", ["/mcp/u", "/mcp/u/", "/mcp/x", "/mcp/users/bob"])
async def test_there_is_nothing_else_below(mock_http: httpx.AsyncClient, path: str) -> None:
    """An unknown path is 404."""
    assert (await mock_http.post(path, headers=HEADERS, json=call())).status_code == 404


@pytest.mark.parametrize("method", ["GET", "DELETE", "PUT"])
async def test_no_streams_are_kept(mock_http: httpx.AsyncClient, method: str) -> None:
    """There is nothing to wait for and no session to end, so that nobody holds a place."""
    response = await mock_http.request(method, "/mcp", headers={"Accept": "text/event-stream"})

    assert (response.status_code, response.headers["allow"]) == (405, "POST, OPTIONS")
    assert fault_in(response)["code"] == -32600


async def test_options_say_what_is_taken(mock_http: httpx.AsyncClient) -> None:
    """Without a body."""
    response = await mock_http.options("/mcp")

    assert (response.status_code, response.headers["allow"], response.content) == (204, "POST, OPTIONS", b"")


async def test_a_message_that_is_too_large_is_refused(mock_http: httpx.AsyncClient) -> None:
    """The limit is that of every request, and nothing is stored."""
    at_most = b" " * (MAX_BODY_BYTES - 200) + b'{"jsonrpc":"2.0","id":1,"method":"tools/list"}'

    fits = await mock_http.post("/mcp", headers=HEADERS, content=at_most)
    large = await mock_http.post("/mcp", headers=HEADERS, content=b" " * (MAX_BODY_BYTES + 1))

    assert (fits.status_code, large.status_code) == (200, 413)
    assert "at most 1048576 bytes" in fault_in(large)["message"]


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{",
        b"[]",
        b"null",
        b'{"jsonrpc":"2.0"}',
        b'{"jsonrpc":"2.0","id":1,"method":1}',
        b'[{"jsonrpc":"2.0","id":1,"method":"tools/list"}]',
        b'{"jsonrpc":"2.0","id":1,"method":"tools/call","params":{"name":1}}',
        b"[" * 100_000,
        b'{"jsonrpc":"2.0","id":1,"method":"x","params":{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}}",
        b'{"jsonrpc":"2.0","id":' + b"1" * 5_000 + b',"method":"tools/list"}',
        b"\xff\xfe",
        b'{"jsonrpc":"2.0","id":1,"method":"\\ud800"}',
    ],
)
@pytest.mark.parametrize("version", ["2026-07-28", "2025-06-18", "1999-01-01", None])
async def test_what_is_no_message_is_refused(mock_http: httpx.AsyncClient, content: bytes, version: str | None) -> None:
    """Garbage in any form gets an error of JSON-RPC, and is no failure of the service."""
    headers = HEADERS if version is None else {**HEADERS, "MCP-Protocol-Version": version}

    response = await mock_http.post("/mcp", headers=headers, content=content)

    assert response.status_code < 500
    assert fault_in(response)["code"] < 0


@pytest.mark.parametrize(
    ("method", "params"),
    [
        ("tools/call", {"name": "add_memory", "arguments": {"content": "tea", "metadata": {"x": "\ud800"}}}),
        ("tools/call", {"name": "add_memory", "arguments": {"content": "\ud800"}}),
        ("tools/call", {"name": "add_memory", "arguments": {"content": "tea", "\ud800": 1}}),
        ("tools/call", {"name": "\ud800", "arguments": {}}),
        ("tools/call", {"name": "add_memory", "arguments": {"content": "tea", "metadata": {"x": float("nan")}}}),
        ("resources/read", {"uri": "memory://\ud800"}),
        ("prompts/get", {"name": "\ud800"}),
    ],
)
async def test_half_a_character_is_refused(mock_app: Litestar, method: str, params: dict[str, Any]) -> None:
    """What survives no store is not stored, and its echo breaks no answer."""
    user = fresh_user()
    message = json.dumps({"jsonrpc": "2.0", "id": 1, "method": method, "params": params})
    async with asgi_client(mock_app) as http:
        response = await http.post(f"/mcp/u/{user}", headers=HEADERS, content=message)
        listed = await http.get("/memory/memories", headers={"X-User-ID": user})

    assert response.status_code < 500
    answer = response.json()
    assert "error" in answer or answer["result"]["isError"]
    assert listed.json()["count"] == 0


async def test_the_server_can_be_switched_off() -> None:
    """Then there is no such path."""
    async with (
        running_app({"MEMORY_PROVIDER": "mock", "NINAI__MCP__ENABLED": "false"}) as app,
        asgi_client(app) as http,
    ):
        response = await http.post("/mcp", headers=HEADERS, json=call())

    assert response.status_code == 404


def _all_of(error: BaseException) -> str:
    """Return the words of an error, and of all that it holds."""
    inner = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return " ".join([str(error), *map(_all_of, inner)])
