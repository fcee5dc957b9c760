"""What the sources say of the fields of a struct: the docstring that follows each of them."""

import ast
import inspect
import itertools
import re
import textwrap
from collections.abc import Mapping
from functools import cache

from msgspec import Struct


@cache
def field_docstrings(table: type[Struct]) -> Mapping[str, str]:
    """Return the docstring of each field that has one, inherited ones included, each on one line."""
    found: dict[str, str] = {}
    for base in reversed(table.__mro__):
        if base is not Struct and issubclass(base, Struct):
            found |= _own_docstrings(base)
    return found


def about(described: type) -> str:
    """Return the docstring of a class, each of its paragraphs on one line."""
    paragraphs = inspect.cleandoc(described.__doc__ or "").split("\n\n")
    return "\n\n".join(map(_on_one_line, paragraphs))


def _own_docstrings(table: type[Struct]) -> dict[str, str]:
    module = ast.parse(textwrap.dedent(inspect.getsource(table)))
    statements = [
        statement for definition in module.body if isinstance(definition, ast.ClassDef) for statement in definition.body
    ]
    return {
        field.target.id: _on_one_line(text.value.value)
        for field, text in itertools.pairwise(statements)
        if isinstance(field, ast.AnnAssign)
        and isinstance(field.target, ast.Name)
        and isinstance(text, ast.Expr)
        and isinstance(text.value, ast.Constant)
        and isinstance(text.value.value, str)
    }


def _on_one_line(text: str) -> str:
    return re.sub(r"\s+", " ", text).strip()
