"""A memory store for Strands Agents, whose entries are memories of one user.

store = NinaiMemoryStore(AsyncClient(user="priya"))
agent = Agent(memory_manager=MemoryManager(stores=[store]))
"""

import hashlib
import json
from uuid import uuid4

from strands.memory import ExtractionConfig, MemoryEntry, MemoryStore
from strands.memory.types import AddMessagesContext, Metadata, SearchOptions
from strands.types.content import Message

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.conversations import keep
from ninaivalaigal.options import MessagesOptions

DEFAULT_RESULTS = 10


class NinaiMemoryStore(MemoryStore):
    """A store over the service, which the memory manager searches, adds to, and gives messages of a conversation."""

    def __init__(
        self,
        client: AsyncClient,
        *,
        name: str = "memory",
        description: str | None = "What is remembered of the user.",
        user: str | None = None,
        session: str | None = None,
        max_search_results: int | None = None,
        extraction: ExtractionConfig | bool | None = None,
    ) -> None:
        self.name, self.description, self.writable = name, description, True
        self.max_search_results, self.extraction = max_search_results, extraction
        self._client, self._user, self._session = client, user, session
        self._run = uuid4().hex

    async def search(self, query: str, options: SearchOptions | None = None) -> list[MemoryEntry]:
        """Return the memories nearest to a query, best first."""
        limit = (options or {}).get("max_search_results") or self.max_search_results or DEFAULT_RESULTS
        found = await self._client.recall(query, limit=limit, user=self._user)
        return [
            MemoryEntry(
                content=memory.content,
                metadata={
                    **(memory.metadata or {}),
                    "id": memory.id,
                    "score": memory.similarity_score,
                    "created_at": memory.created_at.isoformat(),
                },
            )
            for memory in found.memories
        ]

    async def add(self, content: str, metadata: Metadata | None = None) -> str:
        """Store one memory, and return its id."""
        stored = await self._client.remember(content, metadata=metadata, session=self._session, user=self._user)
        return stored.memory_id

    async def add_messages(self, messages: list[Message], context: AddMessagesContext | None = None) -> int:
        """Store the texts of messages, each as a memory; what is retried is stored once."""
        spoken = [(message["role"], _text(message)) for message in messages]
        options: MessagesOptions = {"session": self._session, "user": self._user}
        if context is not None and context.sequence_numbers is not None:
            # The numbers begin anew with each run of the agent, so that they alone would not tell two batches apart.
            told = json.dumps([self._run, context.sequence_numbers, spoken])
            options["idempotency_key"] = hashlib.sha256(told.encode()).hexdigest()
        return await self._client.run(keep(spoken, options))


def _text(message: Message) -> str:
    return "\n".join(block["text"] for block in message["content"] if block.get("text"))
