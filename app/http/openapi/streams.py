"""Answers that come as server-sent events: beside JSON in the OpenAPI document, with an example."""

from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Schema

from app.http.event_stream import EVENT_STREAM, event
from app.http.openapi.examples import CHANGES
from app.http.openapi.walking import operations_of

_STREAMED = "listChanges"
_TEXT = (
    "Server-sent events named `put`, `changed` and `deleted`, whose data is a `MemoryChange`; the event `problem`,"
    " whose data is a `Problem`, ends the stream."
)


def describe_streams(document: OpenAPI) -> None:
    """Add the kind of answer that a client gets by asking for it, which the handler's type does not name."""
    for _, _, operation in operations_of(document):
        answer = (operation.responses or {}).get("200")
        if operation.operation_id == _STREAMED and isinstance(answer, OpenAPIResponse) and answer.content is not None:
            shown = "".join(event(one.change, one, CHANGES.next).decode() for one in CHANGES.changes)
            schema = Schema(type=OpenAPIType.STRING, description=_TEXT)
            answer.content[EVENT_STREAM] = OpenAPIMediaType(schema=schema, example=shown)
