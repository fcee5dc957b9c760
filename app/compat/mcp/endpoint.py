"""`/mcp` and `/mcp/u/{user}`: who may call, and the way to the server, which is imported for the first request."""

import asyncio
from importlib import import_module
from importlib.util import find_spec
from typing import Any

import msgspec
from litestar import asgi
from litestar.connection import ASGIConnection
from litestar.exceptions import MethodNotAllowedException, NotFoundException
from litestar.handlers import ASGIRouteHandler
from msgspec import Struct

from app.auth.admission import checks_scope
from app.auth.caller import Caller
from app.auth.routes import PER_MESSAGE, SCOPE
from app.compat.calls import ProtocolCall, call_with_message
from app.compat.mcp.paths import PATH, USER_PATH
from app.compat.mcp.tools import CALL, UserCall
from app.http.problems import NOT_SERVED, STATUS_SERVER_ERRORS, Problem, RequestError, headers_of, logged_problem
from observability.http import AsgiApp, Message, Receive, Scope, Send
from providers.errors import InvalidInput

_USER = "/u/"

# JSON-RPC 2.0, section 5.1.
_INVALID_REQUEST, _INTERNAL_ERROR = -32600, -32603
_ALLOWED = "POST, OPTIONS"
_MISSING = "The MCP server is not installed: pip install 'ninaivalaigal[mcp]'"


class _Fault(Struct, frozen=True):
    code: int
    message: str
    data: Problem


class _Refusal(Struct, frozen=True):
    """A response of JSON-RPC to a request that was not read, and so has no id."""

    error: _Fault
    jsonrpc: str = "2.0"
    id: None = None


class McpEndpoint:
    """Identify the caller and its user, and hand the request to the SDK's server."""

    def __init__(self) -> None:
        self._serve: AsgiApp | None = None
        self._loading = asyncio.Lock()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request; what is refused here is refused as JSON-RPC does, with the status of HTTP."""
        user = _user_in(scope["path"])
        scope["path_template"] = PATH if user is None else USER_PATH
        if scope["method"] == "OPTIONS":
            await _respond(send, 204, b"", {"Allow": _ALLOWED})
            return
        try:
            serve = await self._server()
            body = await self._admitted(scope, receive, user)
        except Exception as error:  # noqa: BLE001 - a bug is logged with its traceback, and the client learns nothing of it
            problem = logged_problem(error, scope["method"], scope.get("path_template"))
            code = _INTERNAL_ERROR if problem.status >= STATUS_SERVER_ERRORS else _INVALID_REQUEST
            refusal = _Refusal(_Fault(code, f"{problem.title}: {problem.detail}", problem))
            headers = {"Content-Type": "application/json", **headers_of(error)}
            await _respond(send, problem.status, msgspec.json.encode(refusal), headers)
            return
        await serve(scope, _after(body, receive), send)

    async def _admitted(self, scope: Scope, receive: Receive, user: str | None) -> bytes:
        """Note the call in the scope, and return the body.

        Raises:
            NotFoundException: this port is for operators, or there is no such path.
            MethodNotAllowedException: there are no streams to be opened and no sessions to be ended here.
            RequestError: the caller is unknown, or does not speak for the user, of whom the path and the head name one;
                or the body is too long.
            InvalidInput: no user is named, or it is invalid.
        """
        connection: ASGIConnection[Any, Any, Any, Any] = ASGIConnection(scope, receive)  # type: ignore[arg-type] # the framework's own names for ASGI's open types
        request = await call_with_message(connection)
        if scope["method"] != "POST":
            raise MethodNotAllowedException(headers={"Allow": _ALLOWED})
        if user is not None:
            request.user.name_in_path(user)
        scope[CALL] = UserCall(request, _caller_of(request))
        body = bytearray()
        more = True
        while more:
            message = await receive()
            body += message.get("body", b"")
            more = message.get("more_body", False)
        return bytes(body)

    async def _server(self) -> AsgiApp:
        if self._serve is None:
            async with self._loading:
                if self._serve is None:
                    if find_spec("mcp") is None:
                        raise RequestError(NOT_SERVED, _MISSING)
                    # In a thread: it takes a second, in which others are served.
                    module = await asyncio.to_thread(import_module, "app.compat.mcp.server")
                    self._serve = module.serve
        return self._serve


def mcp_routes() -> list[ASGIRouteHandler]:
    """Return the routes of the server."""
    endpoint = McpEndpoint()

    @checks_scope
    async def handle(scope: Scope, receive: Receive, send: Send) -> None:
        await endpoint(scope, receive, send)

    # A mount, since the framework finds no parameters in the path of a plain route of ASGI.
    return [asgi(PATH, is_mount=True, copy_scope=False, opt={SCOPE: PER_MESSAGE})(handle)]


def _user_in(path: str) -> str | None:
    """Return the user that the path below `/mcp` names, None if it names none.

    Raises:
        NotFoundException: there is no such path.
    """
    if path == "/":
        return None
    user = path.removeprefix(_USER).removesuffix("/")
    if not path.startswith(_USER) or not user:
        raise NotFoundException
    return user


def _caller_of(request: ProtocolCall) -> Caller:
    try:
        return request.caller()
    except InvalidInput as error:
        if request.user.is_named:
            raise
        raise InvalidInput("user", f"is required with this key: the address is {USER_PATH}") from error


def _after(body: bytes, receive: Receive) -> Receive:
    """Return a `receive` that gives the body, which was read already, and then what comes after it."""
    given = False

    async def received() -> Message:
        nonlocal given
        if given:
            return await receive()
        given = True
        return {"type": "http.request", "body": body, "more_body": False}

    return received


async def _respond(send: Send, status: int, body: bytes, headers: dict[str, str]) -> None:
    raw = [(name.lower().encode(), value.encode("latin-1")) for name, value in headers.items()]
    start = {"type": "http.response.start", "status": status, "headers": [*raw, (b"content-length", b"%d" % len(body))]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
