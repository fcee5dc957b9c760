"""The tools, resources and the prompt of the MCP server, as the official client sees them in each of its modes."""

import json

import pytest
from litestar import Litestar
from mcp.shared.exceptions import MCPError
from mcp.types import TextContent, TextResourceContents

from providers.limits import MAX_RECALL_LIMIT
from tests.support.api import ABSENT_ID, asgi_client, fresh_user
from tests.support.mcp import MODES, connected, said

TOOLS = ["add_memory", "search_memories", "list_memories", "get_memory", "update_memory", "delete_memory"]


@pytest.mark.parametrize("mode", MODES)
async def test_a_memory_lives_through_the_tools(mock_app: Litestar, mode: str) -> None:
    """It is added, found, listed, returned, changed and deleted, with structured answers."""
    async with connected(mock_app, f"/mcp/u/{fresh_user()}", mode=mode) as client:
        added = await client.call_tool("add_memory", {"content": "Priya likes tea", "metadata": {"topic": "drinks"}})
        memory_id = added.structured_content["memory_id"]
        found = await client.call_tool("search_memories", {"query": "tea", "where": _eq("topic", "drinks")})
        listed = await client.call_tool("list_memories", {})
        changed = await client.call_tool("update_memory", {"memory_id": memory_id, "content": "Priya likes coffee"})
        got = await client.call_tool("get_memory", {"memory_id": memory_id})
        deleted = await client.call_tool("delete_memory", {"memory_id": memory_id})
        left = await client.call_tool("list_memories", {})

    assert added.structured_content["status"] == "stored"
    assert [one["id"] for one in found.structured_content["memories"]] == [memory_id]
    assert [one["content"] for one in listed.structured_content["memories"]] == ["Priya likes tea"]
    assert changed.structured_content == got.structured_content == json.loads(said(got))
    assert got.structured_content["content"] == "Priya likes coffee"
    assert deleted.structured_content == {"memory_id": memory_id, "status": "deleted"}
    assert left.structured_content == {"memories": [], "count": 0, "next_cursor": None}


@pytest.mark.parametrize("mode", MODES)
async def test_tools_are_described(mock_app: Litestar, mode: str) -> None:
    """Each has schemas of what it takes and returns, and says whether it changes or destroys something."""
    async with connected(mock_app, mode=mode) as client:
        tools = (await client.list_tools()).tools

    assert [tool.name for tool in tools] == TOOLS
    assert all(tool.input_schema["additionalProperties"] is False for tool in tools)
    assert all(tool.output_schema and tool.output_schema["type"] == "object" for tool in tools)
    hints = {tool.name: tool.annotations for tool in tools}
    assert [name for name, hint in hints.items() if hint and hint.destructive_hint] == ["delete_memory"]
    assert {name for name, hint in hints.items() if hint and hint.read_only_hint} == set(TOOLS[1:4])


@pytest.mark.parametrize("mode", MODES)
async def test_memories_are_resources(mock_app: Litestar, mode: str) -> None:
    """They are listed by their words, and read by their ids."""
    async with connected(mock_app, f"/mcp/u/{fresh_user()}", mode=mode) as client:
        added = await client.call_tool("add_memory", {"content": "Priya likes tea"})
        uri = f"memory://{added.structured_content['memory_id']}"
        [resource] = (await client.list_resources()).resources
        [template] = (await client.list_resource_templates()).resource_templates
        [content] = (await client.read_resource(uri)).contents

    assert (resource.uri, resource.title) == (uri, "Priya likes tea")
    assert template.uri_template == "memory://{id}"
    assert isinstance(content, TextResourceContents)
    assert json.loads(content.text)["content"] == "Priya likes tea"


@pytest.mark.parametrize("mode", MODES)
async def test_a_prompt_tells_how_to_use_them(mock_app: Litestar, mode: str) -> None:
    """It names the tools."""
    async with connected(mock_app, mode=mode) as client:
        [prompt] = (await client.list_prompts()).prompts
        [message] = (await client.get_prompt(prompt.name)).messages

    assert isinstance(message.content, TextContent)
    assert {"search_memories", "add_memory", "update_memory", "delete_memory"} <= set(_words(message.content.text))


async def test_pages_follow_each_other(mock_app: Litestar) -> None:
    """A cursor continues a list of tools and a list of resources."""
    async with connected(mock_app, f"/mcp/u/{fresh_user()}") as client:
        for number in range(3):
            await client.call_tool("add_memory", {"content": f"fact {number}"})
        first = (await client.call_tool("list_memories", {"limit": 2})).structured_content
        second = (
            await client.call_tool("list_memories", {"limit": 2, "cursor": first["next_cursor"]})
        ).structured_content

    assert [one["content"] for one in first["memories"] + second["memories"]] == ["fact 2", "fact 1", "fact 0"]
    assert second["next_cursor"] is None


async def test_what_a_tool_refuses_is_said_to_the_model(mock_app: Litestar) -> None:
    """An error of a tool has the title and the detail of the problem, and no traceback."""
    async with connected(mock_app) as client:
        answers = [
            await client.call_tool("get_memory", {"memory_id": ABSENT_ID}),
            await client.call_tool("delete_memory", {"memory_id": ABSENT_ID}),
            await client.call_tool("get_memory", {"memory_id": "1"}),
            await client.call_tool("add_memory", {"content": " "}),
            await client.call_tool("add_memory", {}),
            await client.call_tool("search_memories", {"query": "tea", "limit": MAX_RECALL_LIMIT + 1}),
            await client.call_tool("search_memories", {"query": "tea", "colour": "red"}),
            await client.call_tool("list_memories", {"cursor": "never issued"}),
        ]

    assert all(answer.is_error and answer.structured_content is None for answer in answers)
    assert [said(answer) for answer in answers] == [
        f"There is no such memory: no memory {ABSENT_ID}",
        f"There is no such memory: no memory {ABSENT_ID}",
        "The request breaks a rule: memory_id: must be a UUID",
        "The request breaks a rule: content: must not be blank",
        "The request breaks a rule: content: is required",
        "The request breaks a rule: limit: expected int <= 1000",
        "The request breaks a rule: colour: is not a known field",
        "The request breaks a rule: cursor: is not a cursor of this service",
    ]


@pytest.mark.parametrize("mode", MODES)
async def test_what_is_unknown_is_an_error_of_the_protocol(mock_app: Litestar, mode: str) -> None:
    """No tool, resource or prompt is made up."""
    async with connected(mock_app, mode=mode) as client:
        with pytest.raises(MCPError, match="Unknown tool: forget_everything"):
            await client.call_tool("forget_everything", {})
        with pytest.raises(MCPError, match="There is no such memory"):
            await client.read_resource(f"memory://{ABSENT_ID}")
        with pytest.raises(MCPError, match="Unknown resource"):
            await client.read_resource("file:///etc/passwd")
        with pytest.raises(MCPError, match="Unknown prompt"):
            await client.get_prompt("jailbreak")


async def test_the_rest_api_sees_the_same_memories(mock_app: Litestar) -> None:
    """Both are over one provider."""
    user = fresh_user()
    async with connected(mock_app, f"/mcp/u/{user}") as client, asgi_client(mock_app) as http:
        await client.call_tool("add_memory", {"content": "Priya likes tea"})
        listed = await http.get("/memory/memories", headers={"X-User-ID": user})

    assert [one["content"] for one in listed.json()["memories"]] == ["Priya likes tea"]


async def test_a_user_is_named_by_the_header_too(mock_app: Litestar) -> None:
    """`/mcp` alone is for the user of the header, and another user sees nothing of it."""
    user = fresh_user()
    async with connected(mock_app, X_User_ID=user) as client:
        await client.call_tool("add_memory", {"content": "Priya likes tea"})
        own = await client.call_tool("list_memories", {})
    async with connected(mock_app, f"/mcp/u/{fresh_user()}") as client:
        foreign = await client.call_tool("list_memories", {})

    assert (own.structured_content["count"], foreign.structured_content["count"]) == (1, 0)


async def test_a_repeated_request_with_a_key_stores_once(mock_app: Litestar) -> None:
    """`Idempotency-Key` is honoured here as everywhere."""
    async with connected(mock_app, f"/mcp/u/{fresh_user()}", Idempotency_Key="k") as client:
        first = await client.call_tool("add_memory", {"content": "Priya likes tea"})
        again = await client.call_tool("add_memory", {"content": "Priya likes tea"})

    assert first.structured_content == again.structured_content


def _eq(field: str, value: str) -> dict[str, str]:
    return {"op": "eq", "field": field, "value": value}


def _words(text: str) -> list[str]:
    return text.replace(".", " ").replace(",", " ").split()
