"""Claude's memory tool over the service, for the runners of Anthropic's SDK.

tool = NinaiMemoryTool(Client(user="priya"))
runner = Anthropic().beta.messages.tool_runner(..., tools=[tool])
"""

from anthropic.lib.tools import BetaAbstractMemoryTool, BetaAsyncAbstractMemoryTool, ToolError
from anthropic.types.beta import (
    BetaMemoryTool20250818CreateCommand,
    BetaMemoryTool20250818DeleteCommand,
    BetaMemoryTool20250818InsertCommand,
    BetaMemoryTool20250818RenameCommand,
    BetaMemoryTool20250818StrReplaceCommand,
    BetaMemoryTool20250818ViewCommand,
)

from ninaivalaigal.adapters.claude_files import Files
from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.calls import Plan
from ninaivalaigal.client import Client
from ninaivalaigal.errors import InvalidRequest, NotSendable


class NinaiMemoryTool(BetaAbstractMemoryTool):
    """The memory tool for `Anthropic`; its files are those of one user, of up to 32,000 characters each.

    A file is the memory whose key is the `prefix` with the path behind it, of up to 255 characters in all.
    """

    def __init__(self, client: Client, *, user: str | None = None, prefix: str = "") -> None:
        super().__init__()
        self._client, self._files = client, Files(prefix=prefix, user=user)

    def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """Show a file or a folder."""
        return self._run(self._files.view(command.path, command.view_range))

    def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """Make a file."""
        return self._run(self._files.create(command.path, command.file_text))

    def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """Replace a text in a file."""
        return self._run(self._files.replace(command.path, command.old_str, command.new_str))

    def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """Insert a text into a file."""
        return self._run(self._files.insert(command.path, command.insert_line, command.insert_text))

    def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """Delete a file or a folder."""
        return self._run(self._files.delete(command.path))

    def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """Move a file or a folder."""
        return self._run(self._files.rename(command.old_path, command.new_path))

    def clear_all_memory(self) -> str:
        """Delete all files."""
        return self._run(self._files.clear())

    def _run(self, plan: Plan[str]) -> str:
        try:
            return self._client.run(plan)
        except (InvalidRequest, NotSendable) as error:  # the model reads why
            raise ToolError(str(error)) from error


class NinaiAsyncMemoryTool(BetaAsyncAbstractMemoryTool):
    """The memory tool for `AsyncAnthropic`."""

    def __init__(self, client: AsyncClient, *, user: str | None = None, prefix: str = "") -> None:
        super().__init__()
        self._client, self._files = client, Files(prefix=prefix, user=user)

    async def view(self, command: BetaMemoryTool20250818ViewCommand) -> str:
        """Show a file or a folder."""
        return await self._run(self._files.view(command.path, command.view_range))

    async def create(self, command: BetaMemoryTool20250818CreateCommand) -> str:
        """Make a file."""
        return await self._run(self._files.create(command.path, command.file_text))

    async def str_replace(self, command: BetaMemoryTool20250818StrReplaceCommand) -> str:
        """Replace a text in a file."""
        return await self._run(self._files.replace(command.path, command.old_str, command.new_str))

    async def insert(self, command: BetaMemoryTool20250818InsertCommand) -> str:
        """Insert a text into a file."""
        return await self._run(self._files.insert(command.path, command.insert_line, command.insert_text))

    async def delete(self, command: BetaMemoryTool20250818DeleteCommand) -> str:
        """Delete a file or a folder."""
        return await self._run(self._files.delete(command.path))

    async def rename(self, command: BetaMemoryTool20250818RenameCommand) -> str:
        """Move a file or a folder."""
        return await self._run(self._files.rename(command.old_path, command.new_path))

    async def clear_all_memory(self) -> str:
        """Delete all files."""
        return await self._run(self._files.clear())

    async def _run(self, plan: Plan[str]) -> str:
        try:
            return await self._client.run(plan)
        except (InvalidRequest, NotSendable) as error:  # the model reads why
            raise ToolError(str(error)) from error
