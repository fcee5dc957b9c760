"""A program of Microsoft's Agent Framework: an agent with the context provider, with what came back printed."""

import asyncio
import json
import sys

from agent_framework import Agent, BaseChatClient, ChatResponse, Message

from ninaivalaigal import AsyncClient
from ninaivalaigal.adapters.agent_framework import NinaiContextProvider

URL, USER = sys.argv[1:]


class Script(BaseChatClient):
    """A model that keeps what it was given."""

    given: list[list[str]] = []  # noqa: RUF012 - one program, one list

    async def _answer(self, messages: list[Message]) -> ChatResponse:
        self.given.append([message.text for message in messages])
        return ChatResponse(messages=[Message("assistant", ["Green tea it is"])])

    def _inner_get_response(self, *, messages, stream, options, **more):  # noqa: ANN001, ANN003, ANN202
        return self._answer(messages)


async def main() -> None:
    """Make the calls, and print one object."""
    async with AsyncClient(URL) as client:
        provider = NinaiContextProvider(client, user=USER, limit=1)
        script = Script()
        agent = Agent(client=script, context_providers=[provider])
        first, second = agent.create_session(session_id="one"), agent.create_session(session_id="two")
        await agent.run("I drink green tea in the morning", session=first)
        await agent.run("What do I drink in the morning?", session=second)
        kept = [[one.speaker, one.content, one.session] async for one in client.memories(user=USER, order="oldest")]
        said = {
            "first": script.given[0],
            "second": [text.splitlines()[-1][14:] for text in script.given[1][:1]],
            "kept": kept,
        }
        said["asked"] = script.given[1][-1]
    json.dump(said, sys.stdout)


asyncio.run(main())
