"""What may stand in a query parameter or header that takes one of a few values."""

from collections.abc import Iterator
from typing import Any

from litestar import Request
from litestar.exceptions import HTTPException
from litestar.typing import FieldDefinition

from app.http.json.choices import with_choices


def name_choices(request: Request[Any, Any, Any], error: Exception) -> None:
    """Name the choices in what the framework says of parameters that are none of them."""
    if not isinstance(error, HTTPException) or not isinstance(error.extra, list):
        return
    for one in error.extra:
        for parameter in _parameters(request):
            if _name_of(parameter) == one.get("key"):
                one["message"] = with_choices(one.get("message", ""), parameter.annotation)


def _parameters(request: Request[Any, Any, Any]) -> Iterator[FieldDefinition]:
    """Yield what the handler takes, and what it depends on."""
    handler = request.route_handler
    yield from handler.parsed_fn_signature.parameters.values()
    for provided in handler.resolve_dependencies().values():
        yield from provided.parsed_fn_signature.parameters.values()


def _name_of(parameter: FieldDefinition) -> str:
    defined = parameter.kwarg_definition
    return getattr(defined, "name", None) or parameter.name
