"""A memory block for LlamaIndex: what leaves the short-term memory is stored, and what has to do with it comes back.

block = NinaiMemoryBlock(client=AsyncClient(user="priya"))
memory = Memory.from_defaults(session_id="trip-7", memory_blocks=[block])
"""

from typing import Any

from llama_index.core.base.llms.types import ChatMessage
from llama_index.core.memory import BaseMemoryBlock
from pydantic import Field

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.conversations import keep, remembered_for

_CHARS_PER_TOKEN = 4  # about so many in most languages
_SESSION = "session_id"  # where LlamaIndex notes the session of a message


class NinaiMemoryBlock(BaseMemoryBlock[str]):
    """A block over the service, whose text has a line for each memory, best first."""

    name: str = Field(default="LongTermMemory", description="The name of the block in the prompt.")
    client: AsyncClient = Field(exclude=True)
    user: str | None = None
    limit: int = Field(default=10, ge=1, le=1_000, description="The number of memories.")
    asking_messages: int = Field(default=3, ge=1, description="So many of the latest messages are asked with.")

    async def _aget(self, messages: list[ChatMessage] | None = None, **_: Any) -> str:  # noqa: ANN401 - the framework's own
        texts = [message.content or "" for message in (messages or [])[-self.asking_messages :]]
        return await self.client.run(remembered_for(texts, user=self.user, limit=self.limit))

    async def _aput(self, messages: list[ChatMessage]) -> None:
        by_session = dict[str | None, list[tuple[str, str]]]()
        for message in messages:
            session = message.additional_kwargs.get(_SESSION)
            by_session.setdefault(session, []).append((str(message.role.value), message.content or ""))
        for session, spoken in by_session.items():
            await self.client.run(keep(spoken, {"session": session, "user": self.user}))

    async def atruncate(self, content: str, tokens_to_truncate: int) -> str | None:
        """Leave out the last lines, which are the least near, until so many tokens are gone."""
        lines, gone = content.splitlines(keepends=True), 0
        while lines and gone < tokens_to_truncate * _CHARS_PER_TOKEN:
            gone += len(lines.pop())
        return "".join(lines) or None
