"""A program of Strands Agents: an agent with a memory manager, with what came back printed."""

import asyncio
import json
import sys
from collections.abc import AsyncIterator

from strands import Agent
from strands.memory import AddMessagesContext, ExtractionConfig, InvocationTrigger, MemoryManager
from strands.models import Model

from ninaivalaigal import AsyncClient
from ninaivalaigal.adapters.strands import NinaiMemoryStore

URL, USER = sys.argv[1:]


class Script(Model):
    """A model that always answers the same."""

    def update_config(self, **more: object) -> None:
        """Do without."""

    def get_config(self) -> dict[str, object]:
        """Return none."""
        return {}

    def structured_output(self, *args: object, **more: object) -> None:
        """Refuse."""
        raise NotImplementedError

    async def stream(self, *args: object, **more: object) -> AsyncIterator[dict[str, object]]:
        """Yield one message."""
        yield {"messageStart": {"role": "assistant"}}
        yield {"contentBlockStart": {"start": {}}}
        yield {"contentBlockDelta": {"delta": {"text": "A window seat it is"}}}
        yield {"contentBlockStop": {}}
        yield {"messageStop": {"stopReason": "end_turn"}}


async def main() -> None:
    """Make the calls, and print one object."""
    async with AsyncClient(URL, user=USER) as client:
        extraction = ExtractionConfig(trigger=InvocationTrigger())
        store = NinaiMemoryStore(client, name="notes", session="s", extraction=extraction)
        manager = MemoryManager(stores=[store])
        await manager.add("I drink green tea", {"metadata": {"topic": "tea"}})
        await manager.add("the dog barks")
        [found] = await manager.search("tea", {"max_search_results": 1})
        messages = [
            {"role": "user", "content": [{"text": "ok"}]},
            {"role": "user", "content": [{"text": "ok"}]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "1", "name": "n", "input": {}}}]},
        ]
        for _ in range(2):
            await store.add_messages(messages, AddMessagesContext(sequence_numbers=[0, 1, 2]))
        retried = (await client.list_memories(speaker="user")).count
        await client.delete_matching(speaker="user")
        agent = Agent(model=Script(), memory_manager=manager, callback_handler=None)
        await agent.invoke_async("I want a window seat")
        await manager.flush()
        said = {
            "found": [found.content, found.store_name, found.metadata["topic"]],
            "retried": retried,
            "tools": sorted(agent.tool_names),
            "conversation": [[one.speaker, one.content, one.session] async for one in client.memories(order="oldest")][
                2:
            ],
        }
    json.dump(said, sys.stdout)


asyncio.run(main())
