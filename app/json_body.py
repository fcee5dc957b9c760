"""Request bodies: JSON text straight into a frozen struct, strictly, with errors that name the field."""

import json
import re
from collections.abc import Generator
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition

from app.problems import MALFORMED_BODY, UNSUPPORTED_MEDIA_TYPE, RequestError
from providers.errors import InvalidInput

T = TypeVar("T", bound=msgspec.Struct)

# Errors quote what was sent, names of fields above all, and those may be as long as the body.
_QUOTED_CHARS = 200

_AT = re.compile(r"^(?P<said>.*?)(?: - at `(?P<key>key in )?\$(?P<path>[^`]*)`)?$", re.DOTALL)
_SURROGATE = re.compile("[\ud800-\udfff]")
_NAMED = re.compile(r"^Object (?:contains unknown|missing required) field `(?P<field>[^`]*)`$")


class JsonDTO(AbstractDTO[T], Generic[T]):
    """Decode a body with msgspec as it is written: `"10"` is no number, an unknown field is an error.

    Litestar by itself decodes to plain values first and then converts them leniently.
    """

    @classmethod
    def create_for_field_definition(
        cls, field_definition: FieldDefinition, handler_id: str, backend_cls: object = None
    ) -> None:
        """Prepare nothing: there is no transfer model between bytes and struct."""

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,
        handler_id: str,  # noqa: ARG003 - the signature of the framework
        schema_creator: Any,  # noqa: ANN401 - private to the framework
    ) -> Reference | Schema:
        """Document the struct itself."""
        schema: Reference | Schema = schema_creator.for_field_definition(field_definition)
        return schema

    def decode_bytes(self, value: bytes) -> T:
        """Decode one body.

        Raises:
            RequestError: not said to be JSON, or not JSON.
            InvalidInput: JSON that breaks a rule.
        """
        content_type = self.asgi_connection.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            detail = f"Content-Type must be application/json, got {content_type[:100]!r}"
            raise RequestError(UNSUPPORTED_MEDIA_TYPE, detail, field="Content-Type")
        decoded: T = decode(value, self.model_type)
        return decoded

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:  # noqa: ARG003 - see above
        """Yield nothing: msgspec knows the fields."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003 - see above
        """Tell of no nested fields: msgspec knows them."""
        return False


def decode(body: bytes, into: type[T]) -> T:
    """Decode JSON into a struct; see `JsonDTO.decode_bytes` for the errors."""
    try:
        decoded: T = _decoder(into).decode(body)
    except msgspec.ValidationError as error:
        raise _invalid(str(error)) from None  # the cause adds nothing
    except msgspec.DecodeError as error:
        raise _malformed(body, str(error)) from None
    except UnicodeDecodeError:
        raise RequestError(MALFORMED_BODY, "The body is not UTF-8", field="body") from None
    except RecursionError:
        raise InvalidInput("body", "must not nest so deep") from None
    return decoded


def _malformed(body: bytes, said: str) -> RequestError | InvalidInput:
    """Find the field if the only fault is a lone surrogate, which msgspec calls malformed and Python's json takes."""
    try:
        waiting: list[tuple[str, Any]] = [("", json.loads(body))]
    except (ValueError, RecursionError):
        return RequestError(MALFORMED_BODY, f"The body is not JSON: {said}", field="body")
    while waiting:
        path, value = waiting.pop()
        if isinstance(value, dict):
            waiting.extend((f"{path}.{key}", child) for key, child in value.items())
            waiting.extend((path, key) for key in value)
        elif isinstance(value, list):
            waiting.extend((f"{path}[{place}]", child) for place, child in enumerate(value))
        elif isinstance(value, str) and _SURROGATE.search(value):
            # The key itself may be what is broken, and must not be quoted then.
            field = _SURROGATE.sub("?", path).lstrip(".") or "body"
            return InvalidInput(_shortened(field), "must be valid Unicode without lone surrogates")
    return RequestError(MALFORMED_BODY, f"The body is not JSON: {said}", field="body")


@lru_cache(maxsize=64)
def _decoder(into: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(into)


def _invalid(message: str) -> InvalidInput:
    """From "Expected `int` <= 100 - at `$.limit`" to the field and the rule."""
    found = _AT.match(message)
    said, path = (found["said"], found["path"] or "") if found else (message, "")
    path = path.partition("[...]")[0]  # somewhere inside free JSON
    if named := _NAMED.match(said):
        path += "." + named["field"]
        said = "is not a known field" if "unknown" in said else "is required"
    said = said[0].lower() + said[1:] if said else "is not valid"
    return InvalidInput(_shortened(path.lstrip(".")) or "body", _shortened(said.replace("`", "")))


def _shortened(text: str) -> str:
    return text if len(text) <= _QUOTED_CHARS else text[:_QUOTED_CHARS] + "..."
