"""Conditions on metadata in the OpenAPI document: one choice by `op`, and the short form beside it."""

from typing import get_args

from litestar.openapi.spec import Discriminator, OpenAPIType, Reference, Schema

from providers import filters

_AT = "#/components/schemas/"
# What each kind of condition is called in the document, by its `op`.
_KINDS = {str(kind.__struct_config__.tag): kind.__name__ for kind in get_args(filters.Filter)}
_REFS = {op: _AT + name for op, name in _KINDS.items()}
_CONDITION = Reference(ref=f"{_AT}Condition")

_SHORT = "What fields of the metadata equal, all of them: the short form of `eq`, for any field but one named `op`."


def describe_conditions(schemas: dict[str, Schema]) -> None:
    """Give the choice of conditions a name and a discriminator, wherever there is one, and add the short form."""
    for schema in [*schemas.values()]:
        _rename_choices(schema)
    schemas["Filter"] = Schema(
        one_of=[Reference(ref=ref) for ref in _REFS.values()],
        discriminator=Discriminator(property_name="op", mapping=_REFS),
        description="A condition on the metadata.",
        examples=[{"op": "contains", "field": "tags", "value": "travel"}],
    )
    schemas["EqualFields"] = Schema(
        type=OpenAPIType.OBJECT,
        min_properties=1,
        max_properties=filters.MAX_CONDITIONS,
        additional_properties=True,
        schema_not=Schema(required=["op"]),
        description=_SHORT,
        examples=[{"topic": "travel"}],
    )
    schemas["Condition"] = Schema(
        one_of=[Reference(ref=f"{_AT}Filter"), Reference(ref=f"{_AT}EqualFields")],
        description="A condition on the metadata, in one of its two forms.",
    )


def _rename_choices(schema: Schema) -> None:
    properties = schema.properties or {}
    for name, child in properties.items():
        properties[name] = _renamed(child)
    if isinstance(schema.items, Schema):
        schema.items = _renamed(schema.items)


def _renamed(child: Schema | Reference) -> Schema | Reference:
    """Return the schema with the name in place of the whole choice; a choice of nothing else is the name alone."""
    if isinstance(child, Reference):
        return child
    _rename_choices(child)
    choices = list(child.one_of or ())
    others = [one for one in choices if not (isinstance(one, Reference) and one.ref in _REFS.values())]
    if len(choices) - len(others) != len(_REFS):
        return child
    child.one_of = [_CONDITION, *others]
    return child if others else _CONDITION
