"""Bodies of lines, offered as bytes too: generators of clients leave out what needs a media type they do not know."""

from litestar.openapi.spec import OpenAPI, OpenAPIFormat, OpenAPIMediaType, OpenAPIType, RequestBody, Schema

from app.http.json.lines import BYTES, MEDIA_TYPE
from app.http.openapi.walking import operations_of


def offer_bytes(document: OpenAPI) -> None:
    """Say of every operation that takes lines that it takes them as bytes as well."""
    for _, _, operation in operations_of(document):
        body = operation.request_body
        if isinstance(body, RequestBody) and MEDIA_TYPE in body.content:
            schema = Schema(type=OpenAPIType.STRING, format=OpenAPIFormat.BINARY)
            body.content[BYTES] = OpenAPIMediaType(schema=schema)
