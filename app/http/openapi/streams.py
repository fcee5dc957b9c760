"""Answers that come as server-sent events: beside JSON in the OpenAPI document, with an example."""

from litestar.openapi.spec import OpenAPI, OpenAPIMediaType, OpenAPIResponse, OpenAPIType, Schema

from app.http.event_stream import EVENT_STREAM, event
from app.http.feed_schemas import AdminChangesResponse, ChangesResponse
from app.http.openapi.examples import ALL_CHANGES, CHANGES
from app.http.openapi.walking import operations_of

_ENDED = "; the event `problem`, whose data is a `Problem`, ends the stream."
_STREAMED: dict[str, tuple[str, ChangesResponse | AdminChangesResponse]] = {
    "listChanges": (
        "Server-sent events named `put`, `changed`, `deleted` and `expired`, whose data is a `MemoryChange`" + _ENDED,
        CHANGES,
    ),
    "listAllChanges": (
        "Server-sent events named `put`, `changed`, `deleted`, `expired` and `quarantined`, whose data is an"
        " `OwnersChange`; the event `quarantines` has the ids of those in force where they have changed" + _ENDED,
        ALL_CHANGES,
    ),
}


def describe_streams(document: OpenAPI) -> None:
    """Add the kind of answer that a client gets by asking for it, which the handler's type does not name."""
    for _, _, operation in operations_of(document):
        answer = (operation.responses or {}).get("200")
        streamed = _STREAMED.get(operation.operation_id or "")
        if streamed is not None and isinstance(answer, OpenAPIResponse) and answer.content is not None:
            text, told = streamed
            shown = "".join(event(one.change, one, told.next).decode() for one in told.changes)
            schema = Schema(type=OpenAPIType.STRING, description=text)
            answer.content[EVENT_STREAM] = OpenAPIMediaType(schema=schema, example=shown)
