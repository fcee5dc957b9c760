"""JSON schemas of structs, with the object itself at the root, as the protocol wants them."""

from collections.abc import Sequence
from inspect import cleandoc
from typing import Any

import msgspec
from msgspec import Struct

from app.auth.naming import OWNERS_FIELD
from app.http.answers import HIDDEN

_DEFINITIONS = "$defs"
_TEMPLATE = "#/$defs/{name}"
_TEXT = "description"
_FIELDS = "properties"
_OWNERS = "Whose memories to search, those of all of them together: the user and who shares with the user."


def schema_of(kind: type[Struct]) -> dict[str, Any]:
    """Return the schema of a struct; what refers to other schemas finds them in it."""
    [root], components = msgspec.json.schema_components([kind], ref_template=_TEMPLATE)
    definitions = {name: _cleaned(schema) for name, schema in components.items()}
    own = definitions.pop(root["$ref"].rpartition("/")[2])
    return {**own, _DEFINITIONS: definitions} if definitions else own


def naming_owners(schema: dict[str, Any], owners: Sequence[str]) -> dict[str, Any]:
    """Return the schema of arguments of which `owners` are some of these; without the argument if there are none.

    A language model has nobody else who could tell it whose memories are shared with its user.
    """
    fields = schema[_FIELDS]
    if OWNERS_FIELD not in fields:
        return schema
    named = {**fields[OWNERS_FIELD], "items": {"type": "string", "enum": [*owners]}, _TEXT: _OWNERS}
    others = {name: field for name, field in fields.items() if name != OWNERS_FIELD}
    return {**schema, _FIELDS: {**others, OWNERS_FIELD: named} if owners else others}


def _cleaned(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a schema whose text is without the indentation of a docstring, and that has what answers have."""
    cleaned = {**schema, _TEXT: cleandoc(schema[_TEXT])} if _TEXT in schema else {**schema}
    if schema.get(_FIELDS, {}).keys() >= {*HIDDEN}:
        cleaned[_FIELDS] = {name: field for name, field in schema[_FIELDS].items() if name not in HIDDEN}
    return cleaned
