"""Bodies of lines, each of which is JSON by itself."""

from typing import Annotated, Any

from litestar.openapi.spec import OpenAPIType, Reference, Schema
from litestar.params import BodyKwarg
from litestar.typing import FieldDefinition
from msgspec import Struct

from app.http.json.body import JsonDTO, without_mark
from app.http.problems import UNSUPPORTED_MEDIA_TYPE, RequestError

MEDIA_TYPE = "application/x-ndjson"
BYTES = "application/octet-stream"  # what clients call them that know no name for lines
_TAKEN = frozenset({MEDIA_TYPE, "application/ndjson", "application/jsonl", BYTES})


class Lines(Struct, frozen=True):
    """A body of lines, which its handler reads one by one."""

    body: bytes


LinesBody = Annotated[Lines, BodyKwarg(media_type=MEDIA_TYPE)]


class LinesDTO(JsonDTO[Lines]):
    """Hand a handler the lines of a body."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,  # noqa: ARG003 - the field of the handler
        handler_id: str,  # noqa: ARG003 - the signature of the framework
        schema_creator: Any,  # noqa: ANN401, ARG003 - as above
    ) -> Reference | Schema:
        """Document text."""
        return Schema(type=OpenAPIType.STRING)

    def decode_bytes(self, value: bytes) -> Lines:
        """Return the lines; raise `RequestError` if the body is not declared as such."""
        self.check_media_type()
        return Lines(without_mark(value))

    def check_media_type(self) -> None:
        """Refuse a body that is not declared as lines of JSON."""
        content_type = self.asgi_connection.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() not in _TAKEN:
            detail = f"Content-Type must be {MEDIA_TYPE}, got {content_type[:100]!r}"
            raise RequestError(UNSUPPORTED_MEDIA_TYPE, detail, field="Content-Type")
