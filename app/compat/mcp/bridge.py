"""The protocol on standard input and output, for clients that start a program: each request goes on to a service.

The service may be stopped and started meanwhile: no session is kept with it.
"""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import quote

import httpx2
from mcp.client import Client
from mcp.client.streamable_http import streamable_http_client
from mcp.server import Server, ServerRequestContext
from mcp.server.stdio import stdio_server
from mcp.types import (
    INTERNAL_ERROR,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    ReadResourceRequestParams,
    ReadResourceResult,
)

from app import __version__
from app.compat.mcp.paths import PATH
from app.compat.mcp.wording import INSTRUCTIONS

PROTOCOL = "2026-07-28"  # the first version without a handshake
SECONDS = 60.0

_Context = ServerRequestContext[Any, Any]
_Page = PaginatedRequestParams | None


class SilenceAsAnswer(httpx2.AsyncBaseTransport):
    """Answer as the protocol does where nobody answers: the SDK's client would end for good."""

    def __init__(self, inner: httpx2.AsyncBaseTransport) -> None:
        self._inner = inner

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """Send a request, and read the whole of its answer."""
        try:
            response = await self._inner.handle_async_request(request)
            await response.aread()
        except httpx2.TransportError as error:
            message = f"No answer from {request.url}: is the service running? ({type(error).__name__})"
            fault = {"jsonrpc": "2.0", "id": None, "error": {"code": INTERNAL_ERROR, "message": message}}
            return httpx2.Response(503, json=fault)
        return response

    async def aclose(self) -> None:
        """Close the connections."""
        await self._inner.aclose()


class Bridge:
    """Answer each request with what the service answers to it."""

    def __init__(self, client: Client) -> None:
        self._client = client

    def server(self) -> "Server[Any]":
        """Return the server that clients of this process speak to."""
        return Server(
            "ninaivalaigal",
            version=__version__,
            title="ninaivalaigal",
            instructions=INSTRUCTIONS,
            on_list_tools=self._list_tools,
            on_call_tool=self._call_tool,
            on_list_resources=self._list_resources,
            on_list_resource_templates=self._list_templates,
            on_read_resource=self._read_resource,
            on_list_prompts=self._list_prompts,
            on_get_prompt=self._get_prompt,
        )

    async def _list_tools(self, _context: _Context, params: _Page) -> ListToolsResult:
        return await self._client.list_tools(cursor=_cursor(params), cache_mode="bypass")

    async def _call_tool(self, _context: _Context, params: CallToolRequestParams) -> CallToolResult:
        return await self._client.call_tool(params.name, params.arguments)

    async def _list_resources(self, _context: _Context, params: _Page) -> ListResourcesResult:
        return await self._client.list_resources(cursor=_cursor(params), cache_mode="bypass")

    async def _list_templates(self, _context: _Context, params: _Page) -> ListResourceTemplatesResult:
        return await self._client.list_resource_templates(cursor=_cursor(params), cache_mode="bypass")

    async def _read_resource(self, _context: _Context, params: ReadResourceRequestParams) -> ReadResourceResult:
        return await self._client.read_resource(str(params.uri), cache_mode="bypass")

    async def _list_prompts(self, _context: _Context, params: _Page) -> ListPromptsResult:
        return await self._client.list_prompts(cursor=_cursor(params), cache_mode="bypass")

    async def _get_prompt(self, _context: _Context, params: GetPromptRequestParams) -> GetPromptResult:
        return await self._client.get_prompt(params.name, params.arguments)


def address(url: str, user: str | None) -> str:
    """Return where a service at `url` has its server, for a user if one is named."""
    return url + PATH if user is None else f"{url}{PATH}/u/{quote(user, safe='')}"


@asynccontextmanager
async def bridged(url: str, key: str | None) -> AsyncIterator[Bridge]:
    """Open a bridge to the server at an address, which need not be up yet."""
    transport = SilenceAsAnswer(httpx2.AsyncHTTPTransport(trust_env=False))
    headers = {} if key is None else {"Authorization": f"Bearer {key}"}
    # No proxy: it would see the key, and an address of this machine means another one there.
    async with (
        httpx2.AsyncClient(headers=headers, timeout=SECONDS, transport=transport) as http,
        Client(streamable_http_client(url, http_client=http), mode=PROTOCOL) as client,
    ):
        yield Bridge(client)


async def run(url: str, key: str | None) -> None:
    """Serve the client at standard input and output until it closes them."""
    try:
        async with bridged(url, key) as bridge, stdio_server() as (reading, writing):
            server = bridge.server()
            await server.run(reading, writing, server.create_initialization_options())
    except* BrokenPipeError:
        pass  # the client has closed its end while an answer was on its way


def _cursor(params: _Page) -> str | None:
    return None if params is None else params.cursor
