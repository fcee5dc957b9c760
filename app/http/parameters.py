"""Query parameters: those that a route knows, each once, as strictly as the fields of a body."""

from typing import Any

from litestar import Request

from providers.errors import InvalidInput

# The key under which a handler's `opt` names the parameters it takes.
PARAMETERS = "parameters"

_QUOTED_CHARS = 100


def refuse_unknown_parameters(request: Request[Any, Any, Any], *common: str) -> None:
    """Refuse parameters that would be ignored; raise `InvalidInput` if one is unknown here, or is given twice.

    `common` are those that a whole resource takes.
    """
    if not request.scope["query_string"]:
        return
    known = request.route_handler.opt.get(PARAMETERS, ())
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known and name not in common:
            raise InvalidInput(name[:_QUOTED_CHARS] or "query", "is not a known parameter")
        if name in seen:
            raise InvalidInput(name, "must be given once")
        seen.add(name)
