"""Corrections of schemas, so that every JSON reader and every generator of clients understands them alike."""

from collections.abc import Iterator, Sequence
from functools import cache
from inspect import cleandoc

import msgspec
from litestar.openapi.spec import OpenAPI, OpenAPIFormat, OpenAPIType, Parameter, Reference, Schema
from msgspec import UNSET, Struct

from app.http.openapi.walking import operations_of
from providers.types import MemoryRecord

_OURS = ("app.", "providers.")
_MEMORY_ID, _CONFIRM = "memory_id", "confirm"
# They repeat what the client sent, also what is no id.
_REPEATING = frozenset({"UpdateResult", "DeleteResult"})


@cache
def struct_named(name: str) -> type[Struct] | None:
    """Return our struct of this name: no two have the same."""
    return next((one for one in _structs(Struct) if one.__name__ == name and one.__module__.startswith(_OURS)), None)


def correct_schemas(document: OpenAPI) -> None:
    """Say which fields are always there, which objects take no others, and what each object is."""
    for name, schema in (document.components.schemas or {}).items():
        struct = struct_named(name)
        if struct is None or not isinstance(schema, Schema):
            continue
        schema.description = cleandoc(struct.__doc__ or "")
        sent = struct.__struct_config__.forbid_unknown_fields  # by a client
        if sent:
            schema.additional_properties = False
        schema.required = sorted(_always_there(struct, sent=sent)) or None
        for field, value in (schema.properties or {}).items():
            if isinstance(value, Schema):
                _correct(value, required=field in (schema.required or ()))
                if (field == _MEMORY_ID and name not in _REPEATING) or (struct is MemoryRecord and field == "id"):
                    _mark_as_id(value)


def correct_parameters(document: OpenAPI) -> None:
    """Leave null out: a parameter that is absent is no value."""
    for _, _, operation in operations_of(document):
        for parameter in operation.parameters or ():
            if isinstance(parameter, Parameter) and isinstance(parameter.schema, Schema):
                schema = parameter.schema
                schema.one_of = schema.one_of and [one for one in schema.one_of if not _is_null(one)]
                _unwrap(schema)
                # Optional in the handler alone, which says better than the framework what is missing.
                parameter.required = parameter.required or parameter.name == _CONFIRM


def _correct(field: Schema, *, required: bool) -> None:
    if field.one_of:
        field.one_of = _without_overlap(field.one_of)
        _unwrap(field)
    if field.const is not None and required:
        # Clients in Python need not repeat what is always the same.
        field.default = field.const
    elif field.default is not None:
        # A default would make the field one that is always there, to generators of TypeScript.
        said = f"By default {msgspec.json.encode(field.default).decode()}."
        field.description = said if field.description is None else f"{field.description} {said}"
        field.default = None


def _mark_as_id(field: Schema) -> None:
    """Say that the id of a memory is a UUID, as the paths that take it do: typed clients pass one on as the other."""
    for schema in (field, *(field.one_of or ())):
        if isinstance(schema, Schema) and schema.type == OpenAPIType.STRING:
            schema.format = OpenAPIFormat.UUID


def _always_there(struct: type[Struct], *, sent: bool) -> Iterator[str]:
    """Yield the fields that are always there: in what clients send, those without a default."""
    config = struct.__struct_config__
    if config.tag_field is not None:
        yield config.tag_field
    for field in msgspec.structs.fields(struct):
        if field.required or not (sent or config.omit_defaults or field.default is UNSET):
            yield field.encode_name


def _unwrap(schema: Schema) -> None:
    """Put a single choice in place of the list of choices."""
    if not schema.one_of or len(schema.one_of) != 1 or not isinstance(schema.one_of[0], Schema):
        return
    [choice] = schema.one_of
    schema.one_of = None
    for name in ("type", "format", "enum", "const", "items", "properties", "additional_properties"):
        if getattr(schema, name) is None:
            setattr(schema, name, getattr(choice, name))


def _without_overlap(choices: Sequence[Schema | Reference]) -> list[Schema | Reference]:
    """Leave integers out beside numbers: every integer is a number too, and `oneOf` accepts only a single match."""
    types = [choice.type if isinstance(choice, Schema) else None for choice in choices]
    numbers = OpenAPIType.NUMBER in types
    kept = zip(choices, types, strict=True)
    return [choice for choice, kind in kept if not (numbers and kind == OpenAPIType.INTEGER)]


def _is_null(choice: Schema | Reference) -> bool:
    return isinstance(choice, Schema) and choice.type == OpenAPIType.NULL


def _structs(struct: type[Struct]) -> Iterator[type[Struct]]:
    for one in struct.__subclasses__():
        yield one
        yield from _structs(one)
