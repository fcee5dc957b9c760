"""The parameters of a query that is spelled as plainly as most are, read at once by the handler's own types."""

import re

import msgspec
from litestar.handlers import HTTPRouteHandler
from msgspec import Struct
from msgspec.structs import asdict

# Nothing in it is encoded or empty, so that all readers read the same. Anything else is left to the framework.
_PAIR = "[a-z_]+=[A-Za-z0-9_.~-]+"
_PLAIN = re.compile(f"{_PAIR}(?:&{_PAIR})*")


def parameters_of(handler: HTTPRouteHandler) -> type[Struct]:
    """Return a struct of what a handler takes if it is given, with the types and limits that the framework checks."""
    types = handler.signature_model.__annotations__
    optional = {
        name: field.default for name, field in handler.parsed_fn_signature.parameters.items() if field.has_default
    }
    fields = [(name, types[name], default) for name, default in optional.items()]
    return msgspec.defstruct("Parameters", fields, forbid_unknown_fields=True)


def plain_parameters(query: bytes, into: type[Struct]) -> dict[str, object] | None:
    """Return the parameters in a query, None if it is not plain, or any of them is unknown, invalid or given twice."""
    if not query:
        return {}
    text = query.decode("latin-1")
    if not _PLAIN.fullmatch(text):
        return None
    pairs = [part.split("=") for part in text.split("&")]
    given = dict(pairs)
    if len(given) < len(pairs):
        return None
    try:
        parameters = msgspec.convert(given, into, strict=False)
    except msgspec.ValidationError:
        return None  # whatever is wrong, the framework says it
    return asdict(parameters)
