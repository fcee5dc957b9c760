"""The document as a whole: its general part, made once for each way to authenticate."""

from litestar import Litestar
from litestar.openapi.config import OpenAPIConfig
from litestar.openapi.spec import Components, OpenAPI, SecurityScheme, Server, Tag
from litestar.serialization import encode_json

from app import __version__
from app.auth.allowed_users import USER_HEADER
from app.controllers.docs import ScalarPage, docs_router, document_of
from app.http.answers import HIDDEN
from app.http.openapi.answer_headers import DECLARED, declare_headers
from app.http.openapi.conditions import describe_conditions
from app.http.openapi.examples import add_examples
from app.http.openapi.line_bodies import offer_bytes
from app.http.openapi.needs import tell_needs
from app.http.openapi.operations import describe, operation_id, secure
from app.http.openapi.schema_examples import EXAMPLES
from app.http.openapi.schemas import correct_parameters, correct_schemas
from app.http.openapi.streams import describe_streams
from app.http.static import StaticFile
from app.settings import Settings

_DESCRIPTION = f"""A memory service for AI agents.

Every memory belongs to a user, named by the `{USER_HEADER}` header or bound to the API key. A write may carry an
`Idempotency-Key` (up to 255 printable characters): repeated with the same key, it happens once. Responses name the
provider that answered (`Memory-Provider`), the time it took (`Server-Timing`) and the request's id in the log
(`X-Request-ID`). Errors are problem+json (RFC 9457)."""

_OF_KEYS = "/memory/keys/"

# The document by the way to authenticate and the prefix, once it is made, which takes a third of a second of the
# processor; other settings change nothing in it.
_made: dict[tuple[str, bool, str], StaticFile] = {}


def openapi_config(prefix: str) -> OpenAPIConfig:
    """Describe the API as a whole, which stands below a prefix."""
    return OpenAPIConfig(
        title="ninaivalaigal",
        version=__version__,
        description=_DESCRIPTION,
        use_handler_docstrings=True,
        operation_id_creator=operation_id,
        tags=[
            Tag("memory", "One memory or query at a time"),
            Tag("keys", "Memories under keys of the caller's choice"),
            Tag("batch", "Up to 1,000 memories or queries at a time"),
            Tag("transfer", "All memories of a user, out and in"),
            Tag("health", "Health, readiness and metrics of the service"),
            Tag("admin", "For operators: the chain and its journal; with the scope `admin:read`, or `admin:write`"),
        ],
        components=Components(
            headers={**DECLARED},
            security_schemes={
                "bearer": SecurityScheme(
                    type="http", scheme="bearer", description="An API key, `ninai_...`, or a JWT of a known issuer"
                ),
                "apiKey": SecurityScheme(type="apiKey", name="X-API-Key", security_scheme_in="header"),
                "signedUser": SecurityScheme(
                    type="apiKey",
                    name="X-Signature",
                    security_scheme_in="header",
                    description="A gateway's signature over the user in `X-User-Context` and the request",
                ),
            },
        ),
        openapi_router=docs_router(prefix),
        render_plugins=[ScalarPage(prefix)],
        servers=[Server(url=prefix or "/")],
    )


def complete(app: Litestar, settings: Settings) -> None:
    """Add what the framework leaves out, correct what it gets wrong, and encode the document once for all requests."""
    auth = settings.auth
    made_for = (auth.mode, bool(auth.context), settings.server.prefix)
    if made_for not in _made:
        _made[made_for] = _document(app, needs_key=auth.mode != "none", signs_users=bool(auth.context))
    app.state.document = _made[made_for]


def _document(app: Litestar, *, needs_key: bool, signs_users: bool) -> StaticFile:
    document = app.openapi_schema
    components = document.components.schemas or {}
    for name in HIDDEN:
        (components["MemoryRecord"].properties or {}).pop(name)
    correct_schemas(document)
    describe_conditions(components)
    for name, example in EXAMPLES.items():
        components[name].examples = [example]
    correct_parameters(document)
    offer_bytes(document)
    describe(document)
    secure(document, needs_key=needs_key, signs_users=signs_users)
    declare_headers(document)
    add_examples(document)
    tell_needs(document)
    describe_streams(document)
    _order_paths(document)
    return document_of(encode_json(document.to_schema()))


def _order_paths(document: OpenAPI) -> None:
    """Order the paths of keys: the framework keeps those of one handler in a set, which each process orders anew."""
    paths = document.paths or {}
    of_keys = iter(sorted(path for path in paths if path.startswith(_OF_KEYS)))
    in_order = [next(of_keys) if path.startswith(_OF_KEYS) else path for path in paths]
    document.paths = {path: paths[path] for path in in_order}
