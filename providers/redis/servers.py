"""Where a key is kept: one server, or one of a cluster."""

from collections.abc import Sequence
from typing import Any, Protocol

from redis import exceptions

from providers.redis.acknowledging import Command
from providers.redis.failures import refusal_of
from providers.redis.node import Node


class Servers(Protocol):
    """Run commands where their keys are; errors are those of a provider."""

    async def run(self, key: str, commands: Sequence[Command], *, writes: bool = False) -> list[Any]:
        """Return the answers to commands on one connection to the server that keeps the key, and all that they name."""

    async def infos(self) -> list[dict[str, str]]:
        """Return what every primary tells of itself, in an order that stays."""

    async def close(self) -> None:
        """Close all connections."""


class OneServer(Servers):
    """A server that keeps every key."""

    def __init__(self, node: Node) -> None:
        self._node = node

    async def run(self, key: str, commands: Sequence[Command], *, writes: bool = False) -> list[Any]:  # noqa: ARG002 - see above
        """See `Servers`."""
        try:
            return await self._node.run(commands, writes=writes)
        except exceptions.AskError as elsewhere:
            raise refusal_of(elsewhere) from elsewhere

    async def infos(self) -> list[dict[str, str]]:
        """See `Servers`."""
        return [await self._node.ping()]

    async def close(self) -> None:
        """See `Servers`."""
        await self._node.close()
