"""The shortest way from a request to its handler, for the routes that are asked all the time.

The framework finds out for each request what a handler takes, converts it, and builds the answer through several
objects: more than all checks of the service together. What a handler takes is known at the start. Here it is written
down once, and a request for such a handler is read, admitted and answered at once; all others go to the framework.
"""

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import msgspec
from litestar import Litestar, Response
from litestar.handlers import HTTPRouteHandler
from litestar.routes import HTTPRoute
from litestar.serialization import default_serializer
from msgspec import Struct

from app.http.calls import GATHERED
from app.http.plain_query import parameters_of, plain_parameters
from app.http.problems import respond
from app.http.requests import GrowingRequest, body_of
from app.http.revalidation import NOT_MODIFIED
from observability.http import AsgiApp, Message, Receive, Scope, Send
from providers.errors import InvalidInput

_DATA = "data"
_NONE: dict[str, "_DirectRoute"] = {}
_STARTED, _BODY = "http.response.start", "http.response.body"
_TYPE, _LENGTH = b"content-type", b"content-length"
_JSON = (_TYPE, b"application/json")
# Plainer than what the framework lets pass: what is not, it judges itself.
_PLAIN_HOST = re.compile(rb"[0-9A-Za-z.:\[\]-]*")

_encode = msgspec.json.Encoder(enc_hook=default_serializer).encode


class _DirectRoute(Struct, frozen=True):
    """Hold what a request needs of one method of one route; `parameter` is the text behind the path, if there is one.

    The handler receives as `call_name` what `gather` makes of the request, and, if there is a `dto`, the body.
    `parameters` are those that a query may give.
    """

    handler: HTTPRouteHandler
    template: str
    parameter: str | None
    call_name: str
    gather: Callable[[GrowingRequest], Struct]
    admit: Any
    dto: Any
    parameters: type[Struct]


class DirectRoutes:
    """Serve requests for handlers that take a call, and at most one part of the path and a body; `app` serves others.

    So it does those whose path is spelled in another way than in the document, or whose query is not plain.
    """

    def __init__(self, app: AsgiApp, framework: Litestar) -> None:
        self._app = app
        self._fixed: dict[str, dict[str, _DirectRoute]] = {}
        self._behind: dict[str, dict[str, _DirectRoute]] = {}
        self._others: set[str] = set()
        for route in framework.routes:
            self._others.add(route.path_format)
            if isinstance(route, HTTPRoute):
                self._add(route)

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        """Answer one request, or pass the connection on."""
        if scope["type"] == "http" and (found := self._found(scope["method"], scope["path"])) and _plain_host(scope):
            route, parts = found
            given = plain_parameters(scope["query_string"], route.parameters)
            if given is not None:
                scope.update(path_template=route.template, route_handler=route.handler, path_params=parts)
                return _serve(route, given, GrowingRequest(scope, receive, send))  # type: ignore[arg-type] # ASGI's own open types
        return self._app(scope, receive, send)

    def _found(self, method: str, path: str) -> tuple[_DirectRoute, dict[str, str]] | None:
        """Return the route of a path, and the parameters in that."""
        if (routes := self._fixed.get(path)) is not None:
            route = routes.get(method)
            return None if route is None else (route, {})
        fixed, _, value = path.rpartition("/")
        route = self._behind.get(fixed, _NONE).get(method)
        if route is None or route.parameter is None or not value or path in self._others:
            return None
        return route, {route.parameter: value}

    def _add(self, route: HTTPRoute) -> None:
        fixed, parameter = _split(route)
        if fixed is None:
            return
        for method, (handler, _) in route.route_handler_map.items():
            found = _direct(handler, route.path_format, parameter)
            if found is not None:
                table = self._fixed if parameter is None else self._behind
                table.setdefault(fixed, {})[method] = found


async def _serve(route: _DirectRoute, given: dict[str, Any], request: GrowingRequest) -> None:
    send: Send = request.send  # type: ignore[assignment] # ASGI's own open types
    try:
        await route.admit(request)
        response = await route.handler.fn(**await _arguments(route, given, request))
        start, content = _messages(response, route.handler.status_code)
    except Exception as error:  # noqa: BLE001 - whatever it is, `respond` answers and logs it
        answer = respond(request, error).to_asgi_response(app=None, request=request)
        await answer(request.scope, request.receive, request.send)
        return
    await send(start)
    await send(content)


async def _arguments(route: _DirectRoute, given: dict[str, Any], request: GrowingRequest) -> dict[str, Any]:
    """Return what the handler receives; the errors of the body come before those of other headers, as ever."""
    arguments = {**given, **request.scope["path_params"]}
    if route.dto is not None and (body := await body_of(request)):
        arguments[_DATA] = route.dto(request).decode_bytes(body)
    arguments[route.call_name] = route.gather(request)
    if route.dto is not None and _DATA not in arguments:
        raise InvalidInput("body", "is required")
    return arguments


def _messages(response: Response[Any], status: int) -> tuple[Message, Message]:
    """Return the messages of an answer in JSON, as the framework would make them; such answers set no cookies."""
    content = response.content
    body = content if isinstance(content, bytes) else _encode(content)
    headers = [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in response.headers.items()]
    if response.status_code != NOT_MODIFIED:  # whose length would be that of what is not sent
        headers += (_JSON, (_LENGTH, b"%d" % len(body)))
    start = {"type": _STARTED, "status": response.status_code or status, "headers": headers}
    return start, {"type": _BODY, "body": body, "more_body": False}


def _split(route: HTTPRoute) -> tuple[str | None, str | None]:
    """Return the fixed path of a route and the name of the text behind it; None twice if it is of another form."""
    parameters = route.path_parameters
    if not parameters:
        return route.path_format, None
    [(name, parameter), *more] = parameters.items()
    fixed = route.path_format.removesuffix(f"/{{{name}}}")
    return (None, None) if more or parameter.type is not str or "{" in fixed else (fixed, name)


def _direct(handler: HTTPRouteHandler, template: str, parameter: str | None) -> _DirectRoute | None:
    """Return how a handler is called directly, None if it takes anything else or is not admitted in the usual way."""
    dependencies, signature = handler.resolve_dependencies(), handler.parsed_fn_signature
    needed = {name for name, field in signature.parameters.items() if not field.has_default}
    calls = {name: GATHERED[one.dependency] for name, one in dependencies.items() if one.dependency in GATHERED}
    taken = [name for name in needed if name in calls]
    dto, admit = handler.resolve_data_dto(), handler.resolve_before_request()
    known = {*taken, *([] if parameter is None else [parameter]), *([] if dto is None else [_DATA])}
    answers_in_json = signature.return_type.origin is Response and not handler.media_type
    if len(taken) != 1 or needed != known or admit is None or not answers_in_json:
        return None
    [call] = taken
    return _DirectRoute(handler, template, parameter, call, calls[call], admit, dto, parameters_of(handler))


def _plain_host(scope: Mapping[str, Any]) -> bool:
    for name, value in scope["headers"]:
        if name == b"host":
            return _PLAIN_HOST.fullmatch(value) is not None
    return True
