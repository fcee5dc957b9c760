"""Which classes of the tests stand in for a provider."""

import ast
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from tests.house.table import Row
from tests.house.tree import Definition, Tree

PROTOCOLS = frozenset({"MemoryProvider", "Replica"})
WRAPPERS = frozenset({"Wrapper"})
METHODS = frozenset({"remember", "recall", "delete", "list_memories", "health_check"})


class DeclaredClass(Struct, frozen=True, kw_only=True):
    """A class under its dotted name, with the dotted names of its bases and the names of its methods."""

    name: str
    place: str
    bases: frozenset[str]
    methods: frozenset[str]


def stand_ins(tree: Tree) -> list[str]:
    """Return the classes of the tests that inherit from a provider or have the specification's five methods.

    A protocol of the tests is none, because nothing can be made of it; nor is a wrapper, which hands every call to
    another provider.
    """
    product = [declared for path in tree.product() for declared in _classes(tree, path)]
    tests = [declared for path in tree.tests() for declared in _classes(tree, path)]
    protocols, wrappers = (
        _inheriting({one.name for one in product if one.name.rpartition(".")[2] in names}, [*product, *tests])
        for names in (PROTOCOLS, WRAPPERS)
    )
    return [
        declared.place
        for declared in tests
        if "typing.Protocol" not in declared.bases
        and (declared.name in protocols - wrappers or declared.methods >= METHODS)
    ]


def rows(tree: Tree) -> list[Row]:
    """Return the rows of this measure: what tests share, and what one file of tests has for itself."""
    classes = stand_ins(tree)
    local = tuple(place for place in classes if "/test_" in place)
    shared = tuple(place for place in classes if place not in local)
    return [
        Row(measure="stand-in providers that tests share", value=len(shared), aim="<= 4", places=shared),
        Row(measure="stand-in providers of one file of tests", value=len(local), places=local),
    ]


def _inheriting(names: set[str], classes: list[DeclaredClass]) -> set[str]:
    """Return these dotted names and those of all classes that inherit from them, however indirectly."""
    more = {declared.name for declared in classes if declared.bases & names} - names
    return _inheriting(names | more, classes) if more else names


def _classes(tree: Tree, path: Path) -> Iterator[DeclaredClass]:
    module, imported = tree.module(path), _imported(tree.statements(path))
    for node in tree.classes(path):
        yield DeclaredClass(
            name=f"{module}.{node.name}",
            place=f"{tree.name(path)}: {node.name}",
            bases=frozenset(_dotted(base, imported, module) for base in node.bases),
            methods=frozenset(member.name for member in node.body if isinstance(member, Definition)),
        )


def _imported(statements: Iterable[ast.AST]) -> dict[str, str]:
    """Return what each imported name stands for, dotted."""
    return {
        alias.asname or alias.name: f"{node.module}.{alias.name}" if isinstance(node, ast.ImportFrom) else alias.name
        for node in statements
        if isinstance(node, ast.ImportFrom | ast.Import)
        for alias in node.names
    }


def _dotted(base: ast.expr, imported: dict[str, str], module: str) -> str:
    """Return the dotted name of a base; a name that was not imported is the module's own."""
    if isinstance(base, ast.Subscript):
        base = base.value
    first, _, rest = ast.unparse(base).partition(".")
    known = imported.get(first, f"{module}.{first}")
    return f"{known}.{rest}" if rest else known
