"""The server of the protocol, built with the official SDK; the only module that imports it when it is loaded.

It keeps nothing between two requests, so that any worker process answers any of them, and a client that goes away
leaves nothing behind.
"""

import logging
from collections.abc import Sequence
from typing import Any

import msgspec
from litestar.exceptions import HTTPException
from mcp.server import Server, ServerRequestContext
from mcp.server.streamable_http_manager import StreamableHTTPSessionManager
from mcp.shared.exceptions import MCPError
from mcp.types import (
    INTERNAL_ERROR,
    INVALID_PARAMS,
    CallToolRequestParams,
    CallToolResult,
    GetPromptRequestParams,
    GetPromptResult,
    ListPromptsResult,
    ListResourcesResult,
    ListResourceTemplatesResult,
    ListToolsResult,
    PaginatedRequestParams,
    Prompt,
    PromptMessage,
    ReadResourceRequestParams,
    ReadResourceResult,
    Resource,
    ResourceTemplate,
    TextContent,
    TextResourceContents,
    Tool,
    ToolAnnotations,
)

from app import __version__
from app.compat.mcp.arguments import ListArguments, MemoryArguments
from app.compat.mcp.paths import PATH
from app.compat.mcp.schema import naming_owners
from app.compat.mcp.tools import CALL, TOOLS, ToolKind, UserCall, arguments_of, get_memory, list_memories
from app.compat.mcp.wording import INSTRUCTIONS, PROMPT, PROMPT_SUMMARY, PROMPT_TEXT
from app.http.body_limit import MAX_BODY_BYTES
from app.http.problems import Problem, RequestError, logged_problem
from observability.http import Receive, Scope, Send
from providers.errors import InvalidInput, ProviderError

_URI = "memory://"
_JSON = "application/json"
_TITLE_CHARS = 80
_QUOTED_CHARS = 100
_REFUSALS = (ProviderError, RequestError, HTTPException)

_Context = ServerRequestContext[Any, Any]


async def serve(scope: Scope, receive: Receive, send: Send) -> None:
    """Answer one HTTP request, in whose scope the call stands."""
    manager = StreamableHTTPSessionManager(
        _SERVER, json_response=True, stateless=True, max_request_body_size=MAX_BODY_BYTES
    )
    async with manager.run():
        await manager.handle_request(scope, receive, send)


async def _list_tools(context: _Context, _params: PaginatedRequestParams | None) -> ListToolsResult:
    call = _call_of(context)
    allowed = [tool for tool in TOOLS.values() if all(map(call.request.allows, tool.verbs))]
    return ListToolsResult(tools=[_described(tool, call.owners) for tool in allowed])


async def _call_tool(context: _Context, params: CallToolRequestParams) -> CallToolResult:
    tool = TOOLS.get(params.name)
    if tool is None:
        raise MCPError(INVALID_PARAMS, f"Unknown tool: {params.name[:_QUOTED_CHARS]}")
    call = _call_of(context)
    try:
        for verb in tool.verbs:
            call.request.require(verb)
        result = await tool.run(call, arguments_of(tool, params.arguments or {}))
    except Exception as error:  # noqa: BLE001 - a bug is logged with its traceback, and the client learns nothing of it
        problem = logged_problem(error, "POST", PATH)
        return CallToolResult(is_error=True, content=[_text(f"{problem.title}: {problem.detail}")])
    answer = msgspec.to_builtins(result)
    return CallToolResult(content=[_text(msgspec.json.encode(result).decode())], structured_content=answer)


async def _list_resources(context: _Context, params: PaginatedRequestParams | None) -> ListResourcesResult:
    call = _call_of(context)
    try:
        call.request.require("read")
        page = await list_memories(call, ListArguments(limit=100, cursor=params.cursor if params else None))
    except _REFUSALS as error:
        raise _protocol_error(error) from None
    resources = [
        Resource(
            uri=_URI + memory.id,
            name=memory.id,
            title=" ".join(memory.content[:_TITLE_CHARS].split()),
            mime_type=_JSON,
        )
        for memory in page.memories
    ]
    return ListResourcesResult(resources=resources, next_cursor=page.next_cursor)


async def _list_templates(_context: _Context, _params: PaginatedRequestParams | None) -> ListResourceTemplatesResult:
    template = ResourceTemplate(
        uri_template=_URI + "{id}", name="memory", description="One memory of the user, by its id.", mime_type=_JSON
    )
    return ListResourceTemplatesResult(resource_templates=[template])


async def _read_resource(context: _Context, params: ReadResourceRequestParams) -> ReadResourceResult:
    uri = str(params.uri)
    if not uri.startswith(_URI):
        raise MCPError(INVALID_PARAMS, f"Unknown resource: {uri[:_QUOTED_CHARS]}")
    call = _call_of(context)
    try:
        call.request.require("read")
        memory = await get_memory(call, MemoryArguments(uri.removeprefix(_URI).strip("/")))
    except _REFUSALS as error:
        raise _protocol_error(error) from None
    text = msgspec.json.encode(memory).decode()
    return ReadResourceResult(contents=[TextResourceContents(uri=uri, text=text, mime_type=_JSON)])


async def _list_prompts(_context: _Context, _params: PaginatedRequestParams | None) -> ListPromptsResult:
    return ListPromptsResult(prompts=[Prompt(name=PROMPT, title="Use memory", description=PROMPT_SUMMARY)])


async def _get_prompt(_context: _Context, params: GetPromptRequestParams) -> GetPromptResult:
    if params.name != PROMPT:
        raise MCPError(INVALID_PARAMS, f"Unknown prompt: {params.name[:_QUOTED_CHARS]}")
    message = PromptMessage(role="user", content=_text(PROMPT_TEXT))
    return GetPromptResult(description=PROMPT_SUMMARY, messages=[message])


def _call_of(context: _Context) -> UserCall:
    if context.request is None:
        raise RuntimeError("a request over HTTP has a scope")
    call: UserCall = context.request.scope[CALL]
    return call


def _described(tool: ToolKind, owners: Sequence[str]) -> Tool:
    hints = ToolAnnotations(
        read_only_hint=tool.verb == "read",
        destructive_hint=tool.verb == "delete",
        idempotent_hint=tool.verb != "write",
        open_world_hint=False,
    )
    return Tool(
        name=tool.name,
        title=tool.title,
        description=tool.description,
        input_schema=naming_owners(tool.input_schema, owners),
        output_schema=tool.output_schema,
        annotations=hints,
    )


def _protocol_error(error: Exception) -> MCPError:
    problem: Problem = logged_problem(error, "POST", PATH)
    refused = isinstance(error, InvalidInput) or problem.status == _NOT_FOUND
    return MCPError(INVALID_PARAMS if refused else INTERNAL_ERROR, f"{problem.title}: {problem.detail}")


def _text(text: str) -> TextContent:
    return TextContent(type="text", text=text)


_NOT_FOUND = 404

# What it says of each request stands in our own log already.
logging.getLogger("mcp").setLevel(logging.WARNING)

_SERVER: Server[Any] = Server(
    "ninaivalaigal",
    version=__version__,
    title="ninaivalaigal",
    instructions=INSTRUCTIONS,
    # No argument of a tool travels in a header.
    get_tool_input_schema=lambda _name: None,
    on_list_tools=_list_tools,
    on_call_tool=_call_tool,
    on_list_resources=_list_resources,
    on_list_resource_templates=_list_templates,
    on_read_resource=_read_resource,
    on_list_prompts=_list_prompts,
    on_get_prompt=_get_prompt,
)
