"""`ninai mcp`: the Model Context Protocol on standard input and output, for clients that start a program."""

import asyncio
from importlib.util import find_spec
from pathlib import Path

import click

from app.cli.service_options import of_memories, service_at


@click.command()
@of_memories
@click.option("--user", help="The user whose memories are meant; without it that of the key, else the default user.")
def mcp(url: str, key_file: Path | None, user: str | None) -> None:
    """Speak the Model Context Protocol on standard input and output, over a running service.

    The service may be started later, and stopped meanwhile.
    """
    if find_spec("mcp") is None:
        raise click.ClickException("the MCP server is not installed: pip install 'ninaivalaigal[mcp]'")
    from app.compat.mcp.bridge import address, run

    service = service_at(url, key_file)
    asyncio.run(run(address(service.url, user), service.sendable_key))
