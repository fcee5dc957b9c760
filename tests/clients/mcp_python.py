"""A program of the official Python client of MCP before version 2: it uses the server, and prints what came back."""

import asyncio
import json
import sys
from importlib.metadata import version

from mcp import ClientSession
from mcp.client.streamable_http import streamablehttp_client

URL, KEY, USER = sys.argv[1:]


async def main() -> None:
    """Make the calls, and print one object."""
    headers = {"Authorization": f"Bearer {KEY}"}
    async with (
        streamablehttp_client(f"{URL}/mcp/u/{USER}", headers=headers) as (reading, writing, _),
        ClientSession(reading, writing) as session,
    ):
        begun = await session.initialize()
        tools = [tool.name for tool in (await session.list_tools()).tools]
        added = await session.call_tool("add_memory", {"content": "I drink tea"})
        found = await session.call_tool("search_memories", {"query": "tea"})
        refused = await session.call_tool("get_memory", {"memory_id": "1"})
        resources = (await session.list_resources()).resources
        prompts = (await session.list_prompts()).prompts
    said = {
        "version": version("mcp"),
        "server": begun.serverInfo.name,
        "tools": tools,
        "added": json.loads(added.content[0].text)["status"],
        "found": [one["content"] for one in json.loads(found.content[0].text)["memories"]],
        "refused": refused.isError,
        "resources": [str(one.uri)[:9] for one in resources],
        "prompts": [one.name for one in prompts],
    }
    json.dump(said, sys.stdout)


asyncio.run(main())
