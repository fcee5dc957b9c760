"""What each message of a client asks of its key."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio
from litestar import Litestar
from mcp.shared.exceptions import MCPError

from app.auth.keys import hash_key, new_key
from app.compat.calls import VERBS
from app.compat.mcp.tools import TOOLS
from app.settings.auth import SCOPES
from tests.support.api import ABSENT_ID, asgi_client, running_app
from tests.support.mcp import connected, said

KEYS: dict[str, str] = {scope: new_key(scope.replace(":", "-")) for scope in SCOPES}
OF_MEMORIES = [f"memory:{verb}" for verb in VERBS]
ARGUMENTS: dict[str, dict[str, Any]] = {
    "add_memory": {"content": "tea"},
    "search_memories": {"query": "tea"},
    "list_memories": {},
    "get_memory": {"memory_id": ABSENT_ID},
    "update_memory": {"memory_id": ABSENT_ID, "content": "tea"},
    "delete_memory": {"memory_id": ABSENT_ID},
}


@pytest_asyncio.fixture(scope="module")
async def app() -> AsyncIterator[Litestar]:
    """An application with a key for each scope."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key"}
    for scope, key in KEYS.items():
        name = scope.replace(":", "-").upper()
        environ |= {f"NINAI__AUTH__KEYS__{name}__HASH": hash_key(key), f"NINAI__AUTH__KEYS__{name}__SCOPES": scope}
    async with running_app(environ) as opened:
        yield opened


@pytest.mark.parametrize("scope", OF_MEMORIES)
async def test_every_tool_asks_for_exactly_its_scope(app: Litestar, scope: str) -> None:
    """It is listed for keys with the scope alone, and refused to others that call it nevertheless."""
    of_scope = {tool.name for tool in TOOLS.values() if {f"memory:{verb}" for verb in tool.verbs} == {scope}}
    async with connected(app, "/mcp/u/alice", X_API_Key=KEYS[scope]) as client:
        listed = {tool.name for tool in (await client.list_tools()).tools}
        answers = {name: said(await client.call_tool(name, ARGUMENTS[name])) for name in TOOLS}

    assert of_scope
    assert listed == of_scope
    assert {name for name, text in answers.items() if "lacks the scope" not in text} == of_scope


@pytest.mark.parametrize("scope", OF_MEMORIES)
async def test_resources_are_read(app: Litestar, scope: str) -> None:
    """As any memory is."""
    async with connected(app, "/mcp/u/alice", X_API_Key=KEYS[scope]) as client:
        if scope == "memory:read":
            await client.list_resources()
        else:
            with pytest.raises(MCPError, match='lacks the scope "memory:read"'):
                await client.list_resources()


@pytest.mark.parametrize("scope", sorted(set(SCOPES) - set(OF_MEMORIES)))
async def test_a_key_without_any_access_is_refused_at_once(app: Litestar, scope: str) -> None:
    """Whatever the message is."""
    headers = {"X-API-Key": KEYS[scope], "Accept": "application/json, text/event-stream"}
    async with asgi_client(app) as http:
        response = await http.post(
            "/mcp/u/alice", headers=headers, json={"jsonrpc": "2.0", "id": 1, "method": "prompts/list"}
        )

    assert response.status_code == 403
    assert "lacks the scope" in response.text
