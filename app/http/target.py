"""What a request is about, its path and its query: percent-encoded UTF-8, or nobody knows what is meant."""

from typing import Any
from urllib.parse import parse_qsl, unquote_to_bytes

from litestar.connection import ASGIConnection

from providers.errors import InvalidInput


def require_utf8_path(request: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse a path with other bytes, which the framework reads as replacement characters: as another user's name.

    Raises:
        InvalidInput: there are some.
    """
    _require("path", unquote_to_bytes(request.scope["raw_path"].partition(b"?")[0]))


def require_utf8_query(request: ASGIConnection[Any, Any, Any, Any]) -> None:
    """Refuse parameters with other bytes, as `require_utf8_path` does."""
    if request.scope["query_string"]:
        query = request.scope["query_string"].decode("latin-1")
        for name, value in parse_qsl(query, keep_blank_values=True, errors="surrogateescape"):
            _require("query", name.encode(errors="surrogateescape"))
            _require(name, value.encode(errors="surrogateescape"))


def _require(field: str, value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError:
        raise InvalidInput(field, "must be percent-encoded UTF-8") from None
