"""What a request is charged at the door, before its body is read: by its route and by the length that it announces."""

from collections.abc import Iterable
from typing import Literal

from msgspec import Struct

from app.http.body_limit import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES

Lane = Literal["callers", "operators"]

ORDINARY = 1.0
_ERASE_ALL = 100.0

_CALLERS = "/memory/"
_HEALTH = "/memory/health"


class _Tariff(Struct, frozen=True):
    """Say what a body costs: so much at least, and a unit more for so many bytes of at most so many."""

    least: float
    bytes_a_unit: float
    most_bytes: int = MAX_BODY_BYTES


# Near the exact prices (`price.py`) of what is usual, since what is refused only after it was decoded has cost much
# already: a question of some 45 bytes costs 3 units, a memory a quarter and what its text costs.
_TARIFFS = {
    "/memory/recall": _Tariff(3.0, 650),
    "/memory/remember": _Tariff(1.0, 1_250),
    "/memory/recall/batch": _Tariff(1.0, 20, MAX_BATCH_BODY_BYTES),
    "/memory/remember/batch": _Tariff(1.0, 400, MAX_BATCH_BODY_BYTES),
}
_OF_AN_EDIT = _Tariff(1.0, 1_250)
_ALL = "/memory/memories"


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
    """Return the units; `length` is that of the body in bytes, None for one that does not say it: it may be as long as any."""
    if method == "POST" or method == "PATCH":  # noqa: PLR1714 - twice as fast as a look into a set
        tariff = _TARIFFS.get(path.rstrip("/"), _OF_AN_EDIT)
        return tariff.least + (tariff.most_bytes if length is None else length) / tariff.bytes_a_unit
    return _ERASE_ALL if method == "DELETE" and path.rstrip("/") == _ALL else ORDINARY
