"""Tools for agents of Pydantic AI.

agent = Agent("openai:gpt-5", toolsets=[memory_tools(AsyncClient(user="priya"))])
"""

from typing import Any

from pydantic_ai import FunctionToolset, ModelRetry

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.errors import InvalidRequest, NotFound


def memory_tools(client: AsyncClient, *, user: str | None = None) -> FunctionToolset[Any]:
    """Return tools to store, find and delete the memories of one user; a model reads why it is refused."""

    async def add_memory(content: str) -> str:
        """Remember something for later conversations, in one self-contained sentence."""
        try:
            return (await client.remember(content, user=user)).memory_id
        except InvalidRequest as error:
            raise ModelRetry(error.problem.detail) from error

    async def search_memories(query: str, limit: int = 10) -> list[dict[str, Any]]:
        """Find the memories nearest to a query, best first."""
        try:
            found = await client.recall(query, limit=limit, user=user)
        except InvalidRequest as error:
            raise ModelRetry(error.problem.detail) from error
        return [
            {"memory_id": one.id, "content": one.content, "created_at": one.created_at.isoformat()}
            for one in found.memories
        ]

    async def delete_memory(memory_id: str) -> str:
        """Delete a memory for good, by the id that a search has shown."""
        try:
            await client.delete(memory_id, user=user)
        except (InvalidRequest, NotFound) as error:
            raise ModelRetry(error.problem.detail) from error
        return "deleted"

    return FunctionToolset([add_memory, search_memories, delete_memory], id="ninaivalaigal")
