"""Which modules import each other in a circle, and which import a face of the service from inside it."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import invalidate_caches

import grimp
from grimp import ImportGraph

from tests.house.table import Row
from tests.house.tree import Tree

FACES = ("app.console", "app.cli")
MAY_IMPORT_FACES = (*FACES, "app.main", "app.handlers")


def graph_of(tree: Tree) -> ImportGraph:
    """Return the graph of a checkout's imports, read from its files without running them."""
    with _found_first(tree):
        return grimp.build_graph(*tree.packages, cache_dir=None)


def circles(graph: ImportGraph) -> list[list[str]]:
    """Return the strongly connected components of more than one module."""
    found = {
        tuple(sorted({module} | graph.find_upstream_modules(module) & graph.find_downstream_modules(module)))
        for module in graph.modules
    }
    return [list(circle) for circle in sorted(found) if len(circle) > 1]


def wrong_way(graph: ImportGraph) -> list[tuple[str, str]]:
    """Return the imports of the console or the command line by anything but themselves and the composition root."""
    return [
        (importer, imported)
        for importer in sorted(graph.modules)
        if not _within(importer, MAY_IMPORT_FACES)
        for imported in sorted(graph.find_modules_directly_imported_by(importer))
        if _within(imported, FACES)
    ]


def rows(tree: Tree) -> list[Row]:
    """Return the rows of this measure."""
    graph = graph_of(tree)
    round_trips, wrong = circles(graph), wrong_way(graph)
    return [
        Row(measure="import circles", value=len(round_trips), aim="0", places=tuple(map(", ".join, round_trips))),
        Row(measure="wrong-way imports in app", value=len(wrong), aim="0", places=tuple(map(" -> ".join, wrong))),
    ]


@contextmanager
def _found_first(tree: Tree) -> Iterator[None]:
    """Let the packages of a tree be found in it, even if packages of the same name were imported from elsewhere."""
    imported = {package: sys.modules.pop(package) for package in tree.packages if package in sys.modules}
    sys.path.insert(0, str(tree.root))
    invalidate_caches()
    try:
        yield
    finally:
        sys.path.remove(str(tree.root))
        sys.modules.update(imported)


def _within(module: str, packages: tuple[str, ...]) -> bool:
    return any(module == package or module.startswith(f"{package}.") for package in packages)
