"""A program of the OpenAI Agents SDK: its runner and the methods of a session, with what came back printed."""

import asyncio
import json
import sys

from agents import Agent, Model, ModelResponse, RunConfig, Runner, SessionSettings, Usage
from agents.memory import Session
from openai.types.responses import ResponseOutputMessage, ResponseOutputText

from ninaivalaigal import AsyncClient
from ninaivalaigal.adapters.openai_agents import NinaiSession

URL, USER = sys.argv[1:]


class Script(Model):
    """A model that says how many items it was given."""

    async def get_response(self, system_instructions: object, input: list[object], *args: object, **more: object):  # noqa: A002, ANN201
        """Return one message."""
        text = ResponseOutputText(text=f"{len(input)} items", type="output_text", annotations=[])
        message = ResponseOutputMessage(id="msg", content=[text], role="assistant", status="completed", type="message")
        return ModelResponse(output=[message], usage=Usage(), response_id=None)

    def stream_response(self, *args: object, **more: object) -> None:
        """Refuse to stream."""
        raise NotImplementedError


def said_by(number: int) -> dict[str, str]:
    """Return an item."""
    return {"role": "user", "content": f"item {number}"}


async def main() -> None:
    """Make the calls, and print one object."""
    async with AsyncClient(URL, user=USER) as client:
        session, other = NinaiSession("trip/用户 7", client), NinaiSession("other", client)
        await client.remember("a memory of the same label", session="trip/用户 7")
        items = [said_by(number) for number in range(5)]
        await session.add_items(items[:3])
        await session.add_items(items[3:])
        await other.add_items([said_by(9)])
        said = {
            "is_session": isinstance(session, Session),
            "order": await session.get_items() == items,
            "latest": await session.get_items(2) == items[3:],
            "none": await session.get_items(0),
            "settings": await NinaiSession("trip/用户 7", client, session_settings=SessionSettings(limit=1)).get_items()
            == items[4:],
        }
        large = [
            {"role": "user", "content": "茶" * 100_000 + " end"},
            {"role": "user", "content": "a" + " " * 70_000 + "\\ \n\t\u3000 b"},
            {"role": "user", "content": "half \ud800 a pair \x00"},
            {"type": "function_call_output", "call_id": "c", "output": {"n": [1.5, None, True, {"deep": []}]}},
        ]
        await session.add_items(large)
        said["large"] = await session.get_items(4) == large
        said["whole"] = await session.get_items() == items + large
        said["popped"] = [await session.pop_item() == item for item in reversed(large)]
        two = await asyncio.gather(session.pop_item(), session.pop_item())
        said["two"] = sorted(item["content"] for item in two)
        many = [said_by(number) for number in range(1_203)]
        await session.add_items(many)
        said["many"] = await session.get_items() == items[:3] + many
        await session.add_items([])
        await session.clear_session()
        said["cleared"] = [await session.get_items(), await session.pop_item(), len(await other.get_items())]
        said["kept"] = (await client.list_memories(session="trip/用户 7")).count
        agent, config = Agent(name="a", model=Script()), RunConfig(tracing_disabled=True)
        said["runner"] = [
            (await Runner.run(agent, question, session=session, run_config=config)).final_output
            for question in ("one", "two")
        ]
    json.dump(said, sys.stdout)


asyncio.run(main())
