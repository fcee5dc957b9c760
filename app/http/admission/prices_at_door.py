"""What a request is charged at the door, before its body is read: by its route and by the length that it announces."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from app.http.body_limit import BATCH_PATHS, MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES

Lane = Literal["callers", "operators"]

ORDINARY = 1.0
# Bytes that add a unit: of a single memory its text, of a batch a short item of it.
BYTES_A_UNIT = 16 * 1024
BATCH_BYTES_A_UNIT = 256

_CALLERS = "/memory/"
_HEALTH = "/memory/health"
_WITH_A_BODY = frozenset({"POST", "PUT", "PATCH"})


class Route(Struct, frozen=True):
    """Name a route of the service: its lane, and its template for the log, None where nothing is routed."""

    lane: Lane
    template: str | None = None


_OPERATORS = Route("operators")
_UNKNOWN = Route("callers")


class Routes:
    """Find the route of a request by its path, as the router will, but in one look; `templates` are those of callers."""

    def __init__(self, templates: Iterable[str]) -> None:
        self._known: dict[str, Route] = {}
        self._prefixes: list[tuple[str, Route]] = []
        for template in templates:
            fixed, parameter, _ = template.partition("{")
            if parameter:
                self._prefixes.append((fixed, Route("callers", template)))
            else:
                self._known[template] = Route("callers", template)

    def of(self, path: str) -> Route:
        """Return the route; health, metrics, the admin API and all pages are the lane of operators."""
        if not path.startswith(_CALLERS) or path == _HEALTH:
            return _OPERATORS
        path = path.rstrip("/")
        known = self._known.get(path)
        if known is not None:
            return known
        return next((route for prefix, route in self._prefixes if path.startswith(prefix)), _UNKNOWN)


def price_at_door(method: str, path: str, length: int | None) -> float:
    """Return the units; `length` is that of the body in bytes, None for one that does not say it."""
    if method not in _WITH_A_BODY:
        return ORDINARY
    if path.rstrip("/") in BATCH_PATHS:
        return ORDINARY + (MAX_BATCH_BODY_BYTES if length is None else length) / BATCH_BYTES_A_UNIT
    return ORDINARY + (MAX_BODY_BYTES if length is None else length) / BYTES_A_UNIT
