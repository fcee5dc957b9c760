"""The chat endpoint that the facts come from: any server with the OpenAI chat API, through the official client."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from typing import Any, Self

from app.extraction.facts import Facts, Said, conversation_for, facts_in
from app.settings.extraction import ExtractionSettings
from observability import tracing
from providers.embedders.openai_client import Client
from providers.embedders.openai_failures import translated
from providers.embedders.options import OpenAIOptions

_HTTP = {"http.request.method": "POST", "url.template": "/chat/completions"}


class ChatEndpoint:
    """Ask a language model for facts, once: a failure costs facts, but never a message."""

    def __init__(self, client: Client, settings: ExtractionSettings) -> None:
        self._create: Any = client.chat.completions.with_raw_response.create
        self._settings = settings

    @classmethod
    @asynccontextmanager
    async def connect(cls, settings: ExtractionSettings) -> AsyncIterator[Self]:
        """Hold one client while the context lasts; nothing is sent yet."""
        options = OpenAIOptions(api_key=settings.api_key, base_url=settings.base_url, timeout=settings.deadline)
        async with Client(options) as client:
            yield cls(client, settings)

    async def facts_of(self, said: Sequence[Said]) -> Facts:
        """Return the facts that the model finds in messages.

        Raises:
            EmbedderUnavailable: the server does not answer in time, or refuses.
            UnreadableAnswer: the answer is no list of facts.
        """
        settings = self._settings
        with translated(settings.deadline), tracing.span("POST /chat/completions", tracing.Kind.CLIENT, _HTTP):
            # The client's own timeout starts again with every byte that arrives.
            async with asyncio.timeout(settings.deadline):
                response = await self._create(
                    model=settings.model,
                    messages=conversation_for(said, settings.max_facts),
                    response_format={"type": "json_object"},
                )
        return facts_in(response.content, len(said), settings.max_facts)
