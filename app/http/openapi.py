"""The OpenAPI document: its general part, and corrections of what the framework makes of the handlers."""

from collections.abc import Sequence

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, OpenAPIType, Reference, Schema, SecurityScheme, Tag
from litestar.serialization import encode_json
from msgspec import Struct

from app import __version__
from app.auth.allowed_users import USER_HEADER
from app.controllers.docs import ScalarPage, docs_router, document_of
from app.http import change_schemas, operator_schemas, schemas
from app.http.answers import HIDDEN
from app.http.openapi_conditions import describe_conditions
from app.http.openapi_examples import EXAMPLES
from app.http.static import StaticFile
from providers import filters

_DESCRIPTION = f"""A memory service for AI agents.

Every memory belongs to a user, named by the `{USER_HEADER}` header or bound to the API key. A write may carry an
`Idempotency-Key` (up to 255 printable characters): repeated with the same key, it happens once. Responses name the
provider that answered (`Memory-Provider`), the time it took (`Server-Timing`) and the request's id in the log
(`X-Request-ID`). Errors are problem+json (RFC 9457)."""

# The objects that take no unknown fields, by the names they have in the document.
_STRICT = {
    name
    for module in (schemas, change_schemas, operator_schemas, filters)
    for name, one in vars(module).items()
    if isinstance(one, type) and issubclass(one, Struct) and one.__struct_config__.forbid_unknown_fields
}

# The document, once it is made, which takes a third of a second of the processor; settings change nothing in it.
_made: list[StaticFile] = []


def openapi_config() -> OpenAPIConfig:
    """Describe the API as a whole."""
    return OpenAPIConfig(
        title="ninaivalaigal",
        version=__version__,
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        tags=[
            Tag("memory", "One memory or query at a time"),
            Tag("batch", "Up to 1,000 memories or queries at a time"),
            Tag("health", "Health, readiness and metrics of the service"),
            Tag(
                "admin",
                "For operators: the chain and its journal; with the scope `admin:read`, or `admin:write`",
            ),
        ],
        components=Components(
            security_schemes={
                "bearer": SecurityScheme(type="http", scheme="bearer", description="An API key, `ninai_...`"),
                "apiKey": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
            }
        ),
        openapi_router=docs_router(),
        render_plugins=[ScalarPage()],
    )


def complete(app: Litestar) -> None:
    """Add what the framework leaves out, correct what it gets wrong, and encode the document once for all requests."""
    if not _made:
        _made.append(_document(app))
    app.state.document = _made[0]


def _document(app: Litestar) -> StaticFile:
    _correct(app)
    return document_of(encode_json(app.openapi_schema.to_schema()))


def _correct(app: Litestar) -> None:
    """Mark the objects that take no unknown fields, correct the types of numbers, and add what types cannot tell."""
    components = app.openapi_schema.components.schemas or {}
    for name, schema in components.items():
        if name in _STRICT and isinstance(schema, Schema):
            schema.additional_properties = False
            for field in (schema.properties or {}).values():
                if isinstance(field, Schema) and field.one_of:
                    field.one_of = _without_overlap(field.one_of)
    for name, example in EXAMPLES.items():
        components[name].examples = [example]
    (components["MemoryRecord"].properties or {}).pop(HIDDEN)
    describe_conditions(components)


def _without_overlap(choices: Sequence[Schema | Reference]) -> list[Schema | Reference]:
    """Leave integers out beside numbers: every integer is a number too, and `oneOf` accepts only a single match."""
    types = [choice.type if isinstance(choice, Schema) else None for choice in choices]
    numbers = OpenAPIType.NUMBER in types
    kept = zip(choices, types, strict=True)
    return [choice for choice, kind in kept if not (numbers and kind == OpenAPIType.INTEGER)]
