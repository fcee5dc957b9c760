"""Which requests are sure to come."""

from collections.abc import Iterator

from litestar import Litestar
from litestar.routes import HTTPRoute

_PREFIX = "/memory/"
_UNSENT = {"OPTIONS"}  # answered by the framework, and asked for by nobody


def memory_routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Give method and template of every route for callers' memories."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format.startswith(_PREFIX):
            for method in sorted(route.methods - _UNSENT):
                yield method, route.path_format
