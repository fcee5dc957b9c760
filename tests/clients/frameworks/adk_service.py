"""A program of Google's Agent Development Kit: the methods of a memory service, with what came back printed."""

import asyncio
import json
import sys

from google.adk.agents import BaseAgent
from google.adk.events.event import Event
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.runners import Runner
from google.adk.sessions import InMemorySessionService
from google.genai import types

from ninaivalaigal import AsyncClient
from ninaivalaigal.adapters.adk import NinaiMemoryService

URL, USER = sys.argv[1:]


def content(role: str, text: str) -> types.Content:
    """Return a content of one part."""
    return types.Content(role=role, parts=[types.Part(text=text)])


class Waiter(BaseAgent):
    """An agent that searches the memory for what it was asked, and says what it found."""

    async def _run_async_impl(self, ctx):  # noqa: ANN001, ANN202
        asked = ctx.user_content.parts[0].text
        found = await ctx.memory_service.search_memory(app_name=ctx.app_name, user_id=ctx.user_id, query=asked)
        text = " | ".join(entry.content.parts[0].text for entry in found.memories) or "nothing"
        yield Event(author=self.name, invocation_id=ctx.invocation_id, content=content("model", text))


async def main() -> None:
    """Make the calls, and print one object."""
    async with AsyncClient(URL) as client:
        service, sessions = NinaiMemoryService(client), InMemorySessionService()
        runner = Runner(app_name="trips", agent=Waiter(name="waiter"), session_service=sessions, memory_service=service)
        session = await sessions.create_session(app_name="trips", user_id=USER)

        async def ask(text: str) -> str:
            events = runner.run_async(user_id=USER, session_id=session.id, new_message=content("user", text))
            return [event.content.parts[0].text async for event in events][-1]

        said = {"before": await ask("I drink green tea")}
        for _ in range(2):
            current = await sessions.get_session(app_name="trips", user_id=USER, session_id=session.id)
            await service.add_session_to_memory(current)

        async def search(query: str, app: str = "trips", user: str = USER) -> list[MemoryEntry]:
            return (await service.search_memory(app_name=app, user_id=user, query=query)).memories

        found = await search("green tea")
        said["added"] = [[one.author, one.content.role, one.content.parts[0].text] for one in found]
        said["moment"] = (
            found[0].timestamp[:10] == (await client.get(found[0].id, user=USER)).created_at.date().isoformat()
        )
        said["others"] = [
            len(await search("tea", app="other")),
            len(await search("tea", user="nobody")),
            len(await search(" ")),
        ]
        await service.delete_memory(app_name="trips", user_id=USER, memory_id=found[0].id)
        await service.delete_memory(app_name="trips", user_id=USER, memory_id=found[0].id)
        await service.add_session_to_memory(current)
        said["deleted"] = await ask("tea?")
        entry = MemoryEntry(
            content=content("user", "x" * 40_000), custom_metadata={"n": 1}, timestamp="2024-05-01T10:00:00Z"
        )
        await service.add_memory(app_name="trips", user_id=USER, memories=[entry], custom_metadata={"m": 2})
        listed = await client.list_memories(user=USER, created_before="2025-01-01T00:00:00Z")
        said["direct"] = sorted([len(one.content), one.metadata, one.created_at.year] for one in listed.memories)
    json.dump(said, sys.stdout)


asyncio.run(main())
