"""Request bodies: JSON text straight into a frozen struct, strictly, with errors that name the field."""

import codecs
import re
from collections.abc import Generator
from functools import lru_cache
from typing import Any, Generic, TypeVar

import msgspec
from litestar.dto import AbstractDTO, DTOFieldDefinition
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from msgspec import UNSET

from app.auth.naming import USER_FIELD, user_of
from app.http.json.choices import with_choices
from app.http.json.place import place_in
from app.http.json.short_forms import written_out
from app.http.json.sizes import refuse_too_large
from app.http.json.surrogates import WithoutEscapes, lone_surrogate
from app.http.problems import MALFORMED_BODY, UNSUPPORTED_MEDIA_TYPE, RequestError, shortened
from providers.errors import InvalidInput

T = TypeVar("T", bound=msgspec.Struct)

# Errors quote the request, names of fields above all, and those may be as long as the body.
_QUOTED_CHARS = 200

_BODY = "body"
_CHECKED_BEYOND = 48_000  # bytes; a smaller body is decoded in a few milliseconds, whatever it holds
_AT = re.compile(r"(?:key in )?\$(?P<path>[^`]*)`")
_NAMED = re.compile(r"Object (?:contains unknown|missing required) field `(?P<field>[^`]*)`")
_HALF = "must be valid Unicode without lone surrogates"


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
            RequestError: the body is not declared as JSON, or is not JSON.
            InvalidInput: JSON that breaks a rule.
        """
        self.check_media_type()
        decoded: T = decode(without_mark(value), self.model_type)
        self.name_user(getattr(decoded, USER_FIELD, UNSET))
        return decoded

    def name_user(self, user_id: str | msgspec.UnsetType) -> None:
        """Tell the user of the request that the body names it; errors as of `RequestUser.name_in_body`."""
        if user_id is not UNSET:
            user_of(self.asgi_connection).name_in_body(user_id)

    def check_media_type(self) -> None:
        """Refuse a body that is not declared as JSON."""
        content_type = self.asgi_connection.headers.get("content-type", "")
        if content_type.partition(";")[0].strip().lower() != "application/json":
            detail = f"Content-Type must be application/json, got {content_type[:100]!r}"
            raise RequestError(UNSUPPORTED_MEDIA_TYPE, detail, field="Content-Type")

    @classmethod
    def generate_field_definitions(cls, model_type: type[Any]) -> Generator[DTOFieldDefinition, None, None]:  # noqa: ARG003 - see above
        """Yield nothing: msgspec knows the fields."""
        yield from ()

    @classmethod
    def detect_nested_field(cls, field_definition: FieldDefinition) -> bool:  # noqa: ARG003 - see above
        """Return False: msgspec knows nested fields."""
        return False


def without_mark(body: bytes) -> bytes:
    """Return a body without the byte order mark that some clients put before it (RFC 8259, section 8.1)."""
    return body.removeprefix(codecs.BOM_UTF8)


def decode(body: bytes | msgspec.Raw, into: type[T], whole: str = _BODY) -> T:
    """Decode JSON into a struct; errors as of `JsonDTO.decode_bytes`, which name `whole` if no field is at fault.

    msgspec holds the interpreter's lock, and so no thread helps; what is up to `MAX_BODY_BYTES` takes at most 20 ms.
    """
    if memoryview(body).nbytes > _CHECKED_BEYOND:
        _refuse_too_large(bytes(body), into, whole)
    return decode_of_any_size(body, into, whole)


def decode_of_any_size(body: bytes | msgspec.Raw, into: type[T], whole: str = _BODY) -> T:
    """Decode as `decode` does, but without a look at the size of the fields."""
    try:
        return attempt(body, into, whole)
    except msgspec.DecodeError as error:
        raise _malformed(bytes(body), into, whole, str(error)) from None  # the cause adds nothing
    except RecursionError:
        raise InvalidInput(whole, "must not nest so deeply") from None


def attempt(body: bytes | msgspec.Raw, into: type[T], whole: str = _BODY) -> T:
    """Decode as `decode` does, but leave a body that cannot be parsed to the caller.

    Raises:
        msgspec.DecodeError: it is malformed, or holds a lone surrogate.
        RecursionError: it nests too deeply.
    """
    try:
        decoded: T = _decoder(into).decode(body)
    except msgspec.ValidationError as error:
        if (long := written_out(body, into)) is None:
            raise invalid_input(str(error), whole, into) from None
        return attempt(long, into, whole)
    except UnicodeDecodeError:
        raise RequestError(MALFORMED_BODY, f"The {whole} is not UTF-8", field=whole) from None
    return decoded


def fault_of(text: bytes) -> str | None:
    """Return what keeps text from being JSON, None if nothing does: lone surrogates and any depth are allowed."""
    try:
        _decoder(msgspec.Raw).decode(WithoutEscapes(text).text)
    except msgspec.DecodeError as error:
        return str(error)
    except RecursionError:
        return None
    return None


def not_json(said: str, whole: str) -> RequestError:
    """Return the refusal of what is not JSON, by what msgspec said."""
    return RequestError(MALFORMED_BODY, f"The {whole} is not JSON: {_quoted(said)}", field=whole)


def _refuse_too_large(body: bytes, into: type[T], whole: str) -> None:
    """Refuse a body that would take long to decode, or 30 times of its memory, before anything is built of it."""
    hidden = WithoutEscapes(body)
    try:
        parts = _decoder(_known_parts_of(into)).decode(hidden.text)
    except UnicodeDecodeError:
        raise InvalidInput(whole, "must hold known fields alone") from None  # this one is not to be quoted
    except msgspec.ValidationError as error:
        raise invalid_input(str(error), whole) from None
    except msgspec.DecodeError as error:
        raise not_json(str(error), whole) from None
    except RecursionError:
        raise InvalidInput(whole, "must not nest so deeply") from None
    fields = {name: hidden.restored(bytes(getattr(parts, name))) for name in parts.__struct_fields__}
    refuse_too_large(body, fields, whole)


def _malformed(body: bytes, into: type[T], whole: str, said: str) -> RequestError | InvalidInput:
    """Name the field if the only fault is a lone surrogate: well-formed JSON, which msgspec calls malformed.

    The body is split into one part for each field and no further, so that this costs little for any body.
    """
    hidden = WithoutEscapes(body)
    try:
        parts = _decoder(_parts_of(into)).decode(hidden.text)
    except msgspec.ValidationError as error:  # no object
        return invalid_input(str(error), whole)
    except (msgspec.MsgspecError, RecursionError):
        return not_json(said, whole)
    for field in parts.__struct_fields__:
        part = hidden.restored(bytes(getattr(parts, field)))
        position = lone_surrogate(part)
        if position is not None:
            return InvalidInput(_quoted(field + (place_in(part, position) or "")), _HALF)
    if lone_surrogate(body) is not None:  # in the name of a field, which must not be quoted then
        return InvalidInput(whole, _HALF)
    return not_json(said, whole)


@lru_cache(maxsize=64)
def _decoder(into: type[T]) -> msgspec.json.Decoder[T]:
    return msgspec.json.Decoder(into)


@lru_cache(maxsize=64)
def _parts_of(into: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a struct with the same fields, each of which is optional and kept as raw JSON."""
    return msgspec.defstruct("Parts", [(field, msgspec.Raw, msgspec.Raw()) for field in into.__struct_encode_fields__])


@lru_cache(maxsize=64)
def _known_parts_of(into: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """Return a struct as of `_parts_of` that takes no other fields."""
    return msgspec.defstruct("KnownParts", [], bases=(_parts_of(into),), forbid_unknown_fields=True)


def invalid_input(message: str, whole: str, into: Any = msgspec.Raw) -> InvalidInput:  # noqa: ANN401 - a type
    """Turn "Expected `int` <= 100 - at `$.limit`" into the field and the rule; `into` is what was decoded."""
    said, _, rest = message.rpartition(" - at `")
    at = _AT.fullmatch(rest)
    said, path = (said, at["path"]) if at else (message, "")
    said = with_choices(said, into, path)
    path = path.partition("[...]")[0]  # somewhere inside free JSON
    if named := _NAMED.fullmatch(said):
        path += "." + named["field"]
        said = "is not a known field" if said.startswith("Object contains unknown") else "is required"
    said = said[0].lower() + said[1:] if said else "is not valid"
    return InvalidInput(_quoted(path.lstrip(".")) or whole, _quoted(said.replace("`", "")))


def _quoted(text: str) -> str:
    return shortened(text, _QUOTED_CHARS)
