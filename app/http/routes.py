"""The routes whose requests the metrics expect."""

from collections.abc import Iterator

from litestar import Litestar
from litestar.routes import HTTPRoute

_PREFIX = "/memory/"
_UNSENT = {"OPTIONS"}  # answered by the framework, and never requested


def memory_routes(app: Litestar) -> Iterator[tuple[str, str]]:
    """Yield method and template of every route for callers' memories."""
    for route in app.routes:
        if isinstance(route, HTTPRoute) and route.path_format.startswith(_PREFIX):
            for method in sorted(route.methods - _UNSENT):
                yield method, route.path_format
