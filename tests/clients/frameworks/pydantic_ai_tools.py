"""A program of Pydantic AI: an agent with the tools, with what came back printed."""

import asyncio
import json
import sys

from pydantic_ai import Agent
from pydantic_ai.messages import ModelMessage, ModelResponse, TextPart, ToolCallPart
from pydantic_ai.models.function import AgentInfo, FunctionModel

from ninaivalaigal import AsyncClient
from ninaivalaigal.adapters.pydantic_ai import memory_tools

URL, USER = sys.argv[1:]
SEEN: list[str] = []


async def script(messages: list[ModelMessage], info: AgentInfo) -> ModelResponse:
    """Call one tool after the other, as a model would, with what the last one has returned."""
    parts = [part for message in messages for part in message.parts if getattr(part, "tool_name", None)]
    answers = [part for part in parts if part.part_kind in ("tool-return", "retry-prompt")]
    SEEN[:] = [str(part.content) for part in answers]
    calls = [
        ("add_memory", {"content": " "}),
        ("add_memory", {"content": "I drink green tea"}),
        ("search_memories", {"query": "tea"}),
        ("delete_memory", {"memory_id": SEEN[1] if len(SEEN) > 1 else ""}),
        ("search_memories", {"query": "tea"}),
    ]
    if len(answers) == len(calls):
        return ModelResponse(parts=[TextPart(",".join(sorted(tool.name for tool in info.function_tools)))])
    name, arguments = calls[len(answers)]
    return ModelResponse(parts=[ToolCallPart(name, arguments)])


async def main() -> None:
    """Make the calls, and print one object."""
    async with AsyncClient(URL) as client:
        agent = Agent(FunctionModel(script), toolsets=[memory_tools(client, user=USER)])
        tools = (await agent.run("Remember that I drink green tea")).output
    said = {"tools": tools, "refused": SEEN[0], "found": "I drink green tea" in SEEN[2], "end": SEEN[3:]}
    json.dump(said, sys.stdout)


asyncio.run(main())
