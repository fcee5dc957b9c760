"""Bodies that no handler reads: their conditions, or the user that they name, would be ignored."""

from typing import Any

from litestar import Request

from app.http.body_limit import announced_length, is_framed_otherwise
from providers.errors import InvalidInput

# RFC 9110 gives a body no meaning in these, and proxies may drop it.
_WITHOUT_BODY = frozenset({"DELETE", "GET"})


def refuse_unread_body(request: Request[Any, Any, Any]) -> None:
    """Refuse a body of a method that takes none; raise `InvalidInput`.

    A deletion whose conditions were ignored would delete more than was asked for.
    """
    scope = request.scope
    if scope["method"] not in _WITHOUT_BODY:
        return
    if announced_length(scope) or is_framed_otherwise(scope):
        raise InvalidInput("body", f"is not read by {scope['method']}: the path, the query and headers say everything")
