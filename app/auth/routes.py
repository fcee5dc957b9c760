"""What each route asks of its caller: a scope, or nothing at all, and then by its own word."""

from collections.abc import Iterator
from collections.abc import Set as AbstractSet
from typing import Any

from litestar import Litestar
from litestar.handlers import HTTPRouteHandler
from litestar.routes import ASGIRoute, HTTPRoute
from msgspec import Struct

from app.settings.auth import SCOPES

# The key under which a handler's `opt` names the scope that it asks for.
SCOPE = "scope"
PUBLIC = "public"
# Of a route that takes messages: each of them asks for a scope of its own.
PER_MESSAGE = "per message"
_OPTIONS = "OPTIONS"


class GuardedRoute(Struct, frozen=True):
    """Describe one method of one route.

    `asks` is a scope, `public` or `per message`; `guard` is what runs before the handler.
    """

    method: str
    template: str
    asks: str
    guard: str


class UnguardedRoute(Exception):
    """Signal a route that says neither what it asks for nor that it is public."""


def guarded_routes(app: Litestar) -> list[GuardedRoute]:
    """Return every method of every route; of one that takes messages their method is POST.

    Raises:
        UnguardedRoute: a route asks for no scope that there is and is not public, or nothing would check its scope.
    """
    guarded = []
    for route in app.routes:
        if isinstance(route, HTTPRoute):
            guarded += [_guarded(method, route.path_format, handler) for method, handler in _handlers(route)]
        elif isinstance(route, ASGIRoute):
            handler = route.route_handler
            guarded.append(_checked("POST", route.path_format, handler.opt.get(SCOPE), handler.fn, {PER_MESSAGE}))
        else:
            raise UnguardedRoute(f"{route.path} is of a kind that nothing guards")
    return guarded


def _handlers(route: HTTPRoute) -> Iterator[tuple[str, HTTPRouteHandler]]:
    for method, (handler, _) in route.route_handler_map.items():
        # The framework's own answer to OPTIONS names the methods of the path, which the OpenAPI document does as well.
        if method != _OPTIONS or handler.fn.__module__.startswith("app."):
            yield method, handler


def _guarded(method: str, template: str, handler: HTTPRouteHandler) -> GuardedRoute:
    return _checked(method, template, handler.opt.get(SCOPE), handler.resolve_before_request(), {PUBLIC, *SCOPES})


def _checked(method: str, template: str, asks: object, guard: Any, known: AbstractSet[str]) -> GuardedRoute:  # noqa: ANN401 - a callable of any kind
    if asks not in known:
        raise UnguardedRoute(f"{method} {template} says neither which scope it asks for nor that it is public: {asks}")
    if asks != PUBLIC and not getattr(guard, "checks_scope", False):
        raise UnguardedRoute(f"{method} {template} asks for {asks}, which nothing checks")
    return GuardedRoute(method, template, str(asks), "" if guard is None else guard.__name__)
