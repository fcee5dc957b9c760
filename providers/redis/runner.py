"""What runs commands on a server; known without the library that speaks to it."""

from collections.abc import Sequence
from typing import Any, Protocol

from providers.redis.acknowledging import Command


class CommandRunner(Protocol):
    """Run commands on one server, several in one trip; see `Node`."""

    async def run(self, commands: Sequence[Command], *, writes: bool = False) -> list[Any]:
        """Return the answers to commands on one connection."""
        ...
