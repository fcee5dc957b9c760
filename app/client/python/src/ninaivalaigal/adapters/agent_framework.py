"""A context provider for Microsoft's Agent Framework.

provider = NinaiContextProvider(AsyncClient(user="priya"))
agent = Agent(client=..., context_providers=[provider])
"""

from typing import Any

from agent_framework import AgentSession, ContextProvider, Message, SessionContext, SupportsAgentRun

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.conversations import INTRODUCTION, keep, remembered_for


class NinaiContextProvider(ContextProvider):
    """A provider over the service: before a run it adds what is remembered, after a run it stores what was said."""

    def __init__(
        self, client: AsyncClient, *, user: str | None = None, limit: int = 10, source_id: str = "ninaivalaigal"
    ) -> None:
        super().__init__(source_id)
        self._client, self._user, self._limit = client, user, limit

    async def before_run(
        self,
        *,
        agent: SupportsAgentRun,  # noqa: ARG002 - what the framework gives
        session: AgentSession,  # noqa: ARG002 - as above
        context: SessionContext,
        state: dict[str, Any],  # noqa: ARG002 - as above
    ) -> None:
        """Add the memories that have to do with the new messages, in one message of the user."""
        texts = [message.text for message in context.input_messages]
        told = await self._client.run(remembered_for(texts, user=self._user, limit=self._limit))
        if told:
            context.extend_messages(self, [Message("user", [INTRODUCTION + told])])

    async def after_run(
        self,
        *,
        agent: SupportsAgentRun,  # noqa: ARG002 - as above
        session: AgentSession,  # noqa: ARG002 - as above
        context: SessionContext,
        state: dict[str, Any],  # noqa: ARG002 - as above
    ) -> None:
        """Store the new messages and those of the response, each as a memory."""
        said = [*context.input_messages, *(context.response.messages if context.response else ())]
        spoken = [(str(message.role), message.text) for message in said]
        await self._client.run(keep(spoken, {"session": context.session_id, "user": self._user}))
