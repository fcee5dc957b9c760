"""The lane of a request: that of callers, or that of operators, whom the work of callers must not keep out."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from app.http.caller_paths import is_callers

Lane = Literal["callers", "operators"]


class LaneRoute(Struct, frozen=True):
    """Name a route of the service: its lane, and its template for the log, None where nothing is routed."""

    lane: Lane
    template: str | None = None


_OPERATORS = LaneRoute("operators")
_UNKNOWN = LaneRoute("callers")


class Routes:
    """Find the route of a request by its path, as the router will; `templates` are those of callers."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._known: dict[str, LaneRoute] = {}
        self._prefixes: list[tuple[str, LaneRoute]] = []
        for template in templates:
            fixed, parameter, _ = template.partition("{")
            if parameter:
                self._prefixes.append((fixed, LaneRoute("callers", template)))
            else:
                self._known[template] = LaneRoute("callers", template)

    def of(self, path: str) -> LaneRoute:
        """Return the route; health, metrics, the admin API and all pages are the lane of operators."""
        if not is_callers(path):
            return _OPERATORS
        path = path.rstrip("/")
        known = self._known.get(path)
        if known is not None:
            return known
        return next((route for prefix, route in self._prefixes if path.startswith(prefix)), _UNKNOWN)
