"""A memory service for Google's Agent Development Kit.

runner = Runner(..., memory_service=NinaiMemoryService(AsyncClient(key="ninai_...")))
"""

import asyncio
import hashlib
import json
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

from google.adk.events.event import Event
from google.adk.memory.base_memory_service import BaseMemoryService, SearchMemoryResponse
from google.adk.memory.memory_entry import MemoryEntry
from google.adk.sessions.session import Session
from google.genai import types

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.conversations import pieces
from ninaivalaigal.errors import Gone, NotFound
from ninaivalaigal.limits import MAX_LABEL_CHARS
from ninaivalaigal.options import RememberOptions
from ninaivalaigal.values import Memory

RESULTS = 10
AT_THE_SAME_TIME = 8
_MODEL, _USER = "model", "user"


class NinaiMemoryService(BaseMemoryService):
    """A memory service over the service: ADK's users are its users, applications and sessions are labels.

    The key of the client must be one that may choose its user. Each text of an event is a memory, which is stored
    once, however often its session is added, and not again after it was deleted.
    """

    def __init__(self, client: AsyncClient, *, results: int = RESULTS) -> None:
        self._client, self._results = client, results

    async def add_session_to_memory(self, session: Session) -> None:
        """Store the texts of all events of a session."""
        await self.add_events_to_memory(
            app_name=session.app_name, user_id=session.user_id, events=session.events, session_id=session.id
        )

    async def add_events_to_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        events: Sequence[Event],
        session_id: str | None = None,
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Store the texts of events; the metadata is that of each memory."""
        metadata = dict(custom_metadata) if custom_metadata else None
        await self._store_all(
            (
                piece,
                {
                    "user": user_id,
                    "app": app_name,
                    "session": session_id,
                    "speaker": _label(event.author),
                    "created_at": datetime.fromtimestamp(event.timestamp, UTC),
                    "metadata": metadata,
                    "idempotency_key": _key(app_name, session_id, event.id, place),
                },
            )
            for event in events
            for place, piece in enumerate(pieces(_text(event.content)))
        )

    async def add_memory(
        self,
        *,
        app_name: str,
        user_id: str,
        memories: Sequence[MemoryEntry],
        custom_metadata: Mapping[str, object] | None = None,
    ) -> None:
        """Store memories as they are."""
        await self._store_all(
            (
                piece,
                {
                    "user": user_id,
                    "app": app_name,
                    "speaker": _label(entry.author),
                    "created_at": datetime.fromisoformat(entry.timestamp).astimezone() if entry.timestamp else None,
                    "metadata": {**(custom_metadata or {}), **entry.custom_metadata} or None,
                },
            )
            for entry in memories
            for piece in pieces(_text(entry.content))
        )

    async def search_memory(self, *, app_name: str, user_id: str, query: str) -> SearchMemoryResponse:
        """Return the memories of the application that are nearest to a query, best first."""
        if not query.strip():
            return SearchMemoryResponse()
        found = await self._client.recall(query, limit=self._results, app=app_name, user=user_id)
        return SearchMemoryResponse(memories=list(map(_entry, found.memories)))

    async def delete_memory(self, *, app_name: str, user_id: str, memory_id: str | None = None) -> None:  # noqa: ARG002 - an id names its memory by itself
        """Delete a memory, unless it is gone already."""
        if memory_id:
            with suppress(NotFound):
                await self._client.delete(memory_id, user=user_id)

    async def _store_all(self, memories: Iterable[tuple[str, RememberOptions]]) -> None:
        """Store contents with their options, some at the same time; what was deleted stays so."""
        turns = asyncio.Semaphore(AT_THE_SAME_TIME)

        async def store(content: str, options: RememberOptions) -> None:
            async with turns:
                with suppress(Gone):
                    await self._client.remember(content, **options)

        await asyncio.gather(*(store(content, options) for content, options in memories))


def _text(content: types.Content | None) -> str:
    parts: Iterable[Any] = (content and content.parts) or ()
    return "\n".join(part.text for part in parts if part.text)


def _label(author: str | None) -> str | None:
    return author[:MAX_LABEL_CHARS] if author and author.strip() else None


def _key(*parts: object) -> str:
    return hashlib.sha256(json.dumps(parts).encode()).hexdigest()


def _entry(memory: Memory) -> MemoryEntry:
    role = _USER if memory.speaker in (None, _USER) else _MODEL
    return MemoryEntry(
        id=memory.id,
        content=types.Content(role=role, parts=[types.Part(text=memory.content)]),
        author=memory.speaker,
        timestamp=memory.created_at.isoformat(),
        custom_metadata=memory.metadata or {},
    )
