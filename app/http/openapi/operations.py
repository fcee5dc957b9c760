"""What the document says of operations: short ids, a sentence on each and on its answer, and whether it needs a key."""

from litestar.handlers import HTTPRouteHandler
from litestar.openapi.spec import OpenAPI, OpenAPIResponse, Reference
from litestar.types import Method
from litestar.types.internal_types import PathParameterDefinition

from app.http.openapi.schemas import struct_named
from app.http.openapi.walking import operations_of

_SUCCESS = "200"
_OF_FRAMEWORK = "Request fulfilled, document follows"

# Of handlers whose own names say too little without their resource.
_IDS = {
    "delete_all": "deleteAllMemories",
    "memory_health": "getHealth",
    "livez": "getLiveness",
    "readyz": "getReadiness",
    "chain_status": "listProviders",
    "provider_status": "getProvider",
    "explanation": "explain",
    "order": "getOrder",
    "differences": "compareProviders",
    "merge": "mergeProvider",
    "journal_status": "getJournal",
    "dead_letters": "listDeadLetters",
    "retry": "retryDeadLetter",
    "discard": "discardDeadLetter",
    "admin_erasure": "getErasure",
    "erasure": "getOwnErasure",
}


def operation_id(
    handler: HTTPRouteHandler,
    method: Method,  # noqa: ARG001 - a handler has one
    path: list[str | PathParameterDefinition],  # noqa: ARG001 - the name says it
) -> str:
    """Return the id of a handler's operation: its name, as methods of generated clients are spelled."""
    first, *rest = handler.handler_name.split("_")
    return _IDS.get(handler.handler_name, first + "".join(word.capitalize() for word in rest))


def describe(document: OpenAPI) -> None:
    """Make the first sentence of a handler the summary of its operation, and say what an answer holds."""
    for _, _, operation in operations_of(document):
        first, _, rest = (operation.description or "").partition("\n\n")
        summary, _, more = " ".join(first.split()).removesuffix(".").partition(". ")
        operation.summary = summary
        operation.description = "\n\n".join(part for part in (more and more + ".", rest.strip()) if part) or None
        answer = (operation.responses or {}).get(_SUCCESS)
        if isinstance(answer, OpenAPIResponse) and answer.description == _OF_FRAMEWORK:
            answer.description = _said_of(answer) or "Done"


def secure(document: OpenAPI, *, needs_key: bool, signs_users: bool) -> None:
    """Ask for a key exactly where the service does: nowhere, if it admits callers without one."""
    ways: list[dict[str, list[str]]] = [{"bearer": []}, {"apiKey": []}]
    if signs_users:
        ways.append({"signedUser": []})
    for _, _, operation in operations_of(document):
        if operation.security is not None:
            operation.security = ways if needs_key else []


def _said_of(answer: OpenAPIResponse) -> str | None:
    """Return the first sentence on what an answer holds."""
    for content in (answer.content or {}).values():
        if isinstance(content.schema, Reference):
            struct = struct_named(content.schema.ref.rpartition("/")[2])
            if struct is not None and struct.__doc__:
                return " ".join(struct.__doc__.partition("\n\n")[0].split()).removesuffix(".")
    return None
