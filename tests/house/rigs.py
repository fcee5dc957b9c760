"""What the tests build in place of the product: chains made by hand."""

import ast
from collections.abc import Iterator

from tests.house.table import Row
from tests.house.tree import Definition, Tree

CHAINS = frozenset({"Chain", "ChainedProvider"})


def makers(tree: Tree) -> list[str]:
    """Return the top-level classes and functions of the tests that construct a chain."""
    return [
        f"{tree.name(path)}: {node.name}"
        for path in tree.tests()
        if any(name in path.read_text() for name in CHAINS)  # of thousands of files, few have to be walked through
        for node in tree.parsed(path).body
        if isinstance(node, ast.ClassDef | Definition) and CHAINS.intersection(_called(node))
    ]


def rows(tree: Tree) -> list[Row]:
    """Return the rows of this measure."""
    made = makers(tree)
    tests = [maker for maker in made if _is_test(maker)]
    rigs = [maker for maker in made if not _is_test(maker)]
    return [
        Row(measure="rigs that build a chain for tests", value=len(rigs), aim="1", places=tuple(rigs)),
        Row(measure="tests that build a chain themselves", value=len(tests), places=tuple(tests)),
    ]


def _is_test(maker: str) -> bool:
    return maker.rpartition(": ")[2].lower().startswith("test")


def _called(definition: ast.AST) -> Iterator[str]:
    for node in ast.walk(definition):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name | ast.Attribute):
            yield node.func.id if isinstance(node.func, ast.Name) else node.func.attr
