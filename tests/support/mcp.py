"""The official client of the Model Context Protocol, inside this process and over its standard streams."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx2
from litestar import Litestar
from mcp.client import Client
from mcp.client.stdio import StdioServerParameters, stdio_client
from mcp.client.streamable_http import streamable_http_client
from mcp.types import CallToolResult, TextContent

from tests.support.api import BASE_URL
from tests.support.service import NINAI, environment

# Every way to speak that the SDK's client has: find out, the version without a handshake, and with one.
MODES = ["auto", "2026-07-28", "legacy"]


@asynccontextmanager
async def connected(app: Litestar, path: str = "/mcp", *, mode: str = "auto", **headers: str) -> AsyncIterator[Client]:
    """Yield a client of an application in this process."""
    transport = httpx2.ASGITransport(app)  # type: ignore[arg-type] # the framework's own names for ASGI's open types
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    async with (
        httpx2.AsyncClient(transport=transport, base_url=BASE_URL, headers=named) as http,
        Client(streamable_http_client(BASE_URL + path, http_client=http), mode=mode) as client,
    ):
        yield client


@asynccontextmanager
async def started(*arguments: str, mode: str = "auto", **variables: str) -> AsyncIterator[Client]:
    """Yield a client of `ninai mcp`, which is started with these arguments and variables."""
    program = StdioServerParameters(command=str(NINAI), args=["mcp", *arguments], env=environment(**variables))
    async with Client(stdio_client(program), mode=mode) as client:
        yield client


def said(result: CallToolResult) -> str:
    """Return the text of a tool's answer."""
    [content] = result.content
    assert isinstance(content, TextContent)
    return content.text
