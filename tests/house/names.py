"""Which classes of the product share a name."""

from collections import defaultdict

from tests.house.table import Row
from tests.house.tree import Tree


def shared_names(tree: Tree) -> dict[str, list[str]]:
    """Return the files of every class name that stands for more than one class, by name."""
    files = defaultdict[str, list[str]](list)
    for path in tree.product():
        for node in tree.classes(path):
            files[node.name].append(tree.name(path))
    return {name: where for name, where in sorted(files.items()) if len(where) > 1}


def rows(tree: Tree) -> list[Row]:
    """Return the row of this measure."""
    shared = shared_names(tree)
    places = tuple(f"{name}: {', '.join(files)}" for name, files in shared.items())
    return [Row(measure="class names that stand for more than one class", value=len(shared), aim="0", places=places)]
