"""Tools for agents of CrewAI.

agent = Agent(role="assistant", tools=memory_tools(Client(user="priya")), ...)
"""

from crewai.tools import BaseTool
from pydantic import BaseModel, Field, PrivateAttr

from ninaivalaigal.client import Client
from ninaivalaigal.errors import InvalidRequest, NotFound


class Content(BaseModel):
    """What is to be remembered."""

    content: str = Field(description="What to remember, in one self-contained sentence.")


class Search(BaseModel):
    """What is to be found."""

    query: str = Field(description="What to look for.")
    limit: int = Field(default=10, description="The greatest number of memories, 1 to 1000.")


class Id(BaseModel):
    """Which memory is meant."""

    memory_id: str = Field(description="The id that a search has shown.")


class _MemoryTool(BaseTool):
    """The base of the tools, with the client and the user that they are for."""

    _client: Client = PrivateAttr()
    _user: str | None = PrivateAttr()

    def __init__(self, client: Client, user: str | None) -> None:
        super().__init__()
        self._client, self._user = client, user


class AddMemory(_MemoryTool):
    """The tool that stores a memory."""

    name: str = "add_memory"
    description: str = "Remember something for later conversations."
    args_schema: type[BaseModel] = Content

    def _run(self, content: str) -> str:
        try:
            return self._client.remember(content, user=self._user).memory_id
        except InvalidRequest as error:
            return f"Refused: {error.problem.detail}"


class SearchMemories(_MemoryTool):
    """The tool that finds memories."""

    name: str = "search_memories"
    description: str = "Find the memories nearest to a query, best first, each with its id and its day."
    args_schema: type[BaseModel] = Search

    def _run(self, query: str, limit: int = 10) -> str:
        try:
            found = self._client.recall(query, limit=limit, user=self._user)
        except InvalidRequest as error:
            return f"Refused: {error.problem.detail}"
        lines = [f"{one.id} {one.created_at:%Y-%m-%d}: {one.content}" for one in found.memories]
        return "\n".join(lines) or "Nothing is remembered of that."


class DeleteMemory(_MemoryTool):
    """The tool that deletes a memory."""

    name: str = "delete_memory"
    description: str = "Delete a memory for good."
    args_schema: type[BaseModel] = Id

    def _run(self, memory_id: str) -> str:
        try:
            self._client.delete(memory_id, user=self._user)
        except (InvalidRequest, NotFound) as error:
            return f"Refused: {error.problem.detail}"
        return "deleted"


def memory_tools(client: Client, *, user: str | None = None) -> list[BaseTool]:
    """Return tools to store, find and delete the memories of one user; a model reads why it is refused."""
    return [AddMemory(client, user), SearchMemories(client, user), DeleteMemory(client, user)]
