"""What a request is charged at the door, before its body is read: by its route and by the length that it announces."""

from msgspec import Struct

from app.http.admission import price
from app.http.body_limit import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES


class _Tariff(Struct, frozen=True):
    """Say what a body costs: so much at least, and a unit more for so many bytes of at most so many."""

    least: float
    bytes_a_unit: float
    most_bytes: int = MAX_BODY_BYTES


# Near the exact prices (`price.py`) of what is usual, since what is refused only after it was decoded has cost much
# already: a question of some 45 bytes costs 3 units, a memory a quarter and what its text costs.
_OF_A_QUESTION = _Tariff(3.0, 650)
_TARIFFS = {
    "/memory/recall": _OF_A_QUESTION,
    "/v3/memories/search": _OF_A_QUESTION,
    "/v2/memories/search": _OF_A_QUESTION,
    "/v1/memories/search": _OF_A_QUESTION,
    "/search": _OF_A_QUESTION,
    "/memory/remember": _Tariff(1.0, 1_250),
    "/memory/list": _Tariff(1.5, 650),
    "/memory/recall/batch": _Tariff(1.0, 14, MAX_BATCH_BODY_BYTES),
    "/memory/remember/batch": _Tariff(1.0, 600, MAX_BATCH_BODY_BYTES),
    "/memory/update/batch": _Tariff(1.0, 400, MAX_BATCH_BODY_BYTES),
    "/memory/import": _Tariff(1.0, 600, MAX_BATCH_BODY_BYTES),
    "/memory/delete/batch": _Tariff(1.0, 100),
}
_OF_AN_EDIT = _Tariff(1.0, 1_250)
_ALL = "/memory/memories"

# What is written waits for what is written before it: agents must not forget, and whoever brings in very many memories
# sends some batches at a time, where sending one again would take as long.
PATIENCE = 10.0  # seconds
_ASKS = frozenset(
    (
        "/memory/recall",
        "/memory/recall/batch",
        "/memory/list",
        "/v3/memories",
        "/v3/memories/search",
        "/v2/memories",
        "/v2/memories/search",
        "/v1/memories/search",
        "/search",
    )
)
_READS = frozenset(("GET", "HEAD"))


def price_at_door(method: str, path: str, length: int | None) -> float:
    """Return the units; `length` is that of the body in bytes, None for one that may be as long as any."""
    if method in ("POST", "PATCH", "PUT"):
        tariff = _TARIFFS.get(path.rstrip("/"), _OF_AN_EDIT)
        return tariff.least + (tariff.most_bytes if length is None else length) / tariff.bytes_a_unit
    return price.ERASE_ALL if method == "DELETE" and path.rstrip("/") == _ALL else price.ORDINARY


def patience_at_door(method: str, path: str) -> float:
    """Return for how many seconds a request waits for its turn, if that is longer than others wait."""
    return 0.0 if method in _READS or path.rstrip("/") in _ASKS else PATIENCE
