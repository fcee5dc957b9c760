"""A program of LlamaIndex: a memory with a block, with what came back printed."""

import asyncio
import json
import sys

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import Memory

from ninaivalaigal import AsyncClient
from ninaivalaigal.adapters.llama_index import NinaiMemoryBlock

URL, USER = sys.argv[1:]


async def main() -> None:
    """Make the calls, and print one object."""
    async with AsyncClient(URL) as client:
        block = NinaiMemoryBlock(client=client, user=USER, limit=1)
        # So small that every message soon leaves the short-term memory.
        memory = Memory.from_defaults(
            session_id="trip-7",
            token_limit=40,
            chat_history_token_ratio=0.5,
            token_flush_size=5,
            memory_blocks=[block],
            tokenizer_fn=str.split,
        )
        for text in ("I drink green tea in the morning", "the dog next door barks", "we live in Oslo by the sea"):
            await memory.aput_messages(
                [ChatMessage(role="user", content=text), ChatMessage(role="assistant", content=f"noted {len(text)}")]
            )
        await memory.aput(ChatMessage(role="user", content="which tea do I like?"))
        prompt = "\n".join(message.content or "" for message in await memory.aget())
        kept = [one async for one in client.memories(user=USER, order="oldest")]
        said = {
            "prompt": "- " in prompt and "I drink green tea in the morning" in prompt,
            "kept": [[kept[0].content, kept[0].speaker, kept[0].session], kept[1].speaker],
            "nothing": await block.aget([]),
            "truncated": await block.atruncate("- one\n- two\n- three\n", 2),
            "all": await block.atruncate("- one\n", 100),
            "no_secret": "client" in block.model_dump(),
        }
    json.dump(said, sys.stdout)


asyncio.run(main())
