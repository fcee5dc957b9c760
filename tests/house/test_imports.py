"""Who imports whom."""

from pathlib import Path

from grimp import ImportGraph

from tests.house import imports
from tests.house.made_up import tree_of
from tests.house.tree import Tree


def _graph(*pairs: tuple[str, str]) -> ImportGraph:
    graph = ImportGraph()
    for module in sorted({module for pair in pairs for module in pair}):
        graph.add_module(module)
    for importer, imported in pairs:
        graph.add_import(importer=importer, imported=imported)
    return graph


def test_modules_that_lead_back_to_themselves_are_a_circle() -> None:
    """Also by way of a third; two circles with a module in common are one."""
    graph = _graph(("a", "b"), ("b", "c"), ("c", "a"), ("c", "d"), ("d", "c"), ("x", "y"), ("y", "x"))

    assert imports.circles(graph) == [["a", "b", "c", "d"], ["x", "y"]]


def test_two_ways_to_one_module_are_no_circle() -> None:
    """As long as none leads back."""
    assert imports.circles(_graph(("a", "b"), ("a", "c"), ("b", "d"), ("c", "d"))) == []


def test_a_face_is_not_imported_from_inside() -> None:
    """Neither the console nor the command line, nor a module of theirs."""
    graph = _graph(
        ("app.chain", "app.console.latency"), ("app.doctor.clocks", "app.cli"), ("app.clients", "app.console")
    )

    assert imports.wrong_way(graph) == [
        ("app.chain", "app.console.latency"),
        ("app.clients", "app.console"),
        ("app.doctor.clocks", "app.cli"),
    ]


def test_faces_import_inwards_and_each_other() -> None:
    """The composition root imports them too; a name that only begins like theirs is another one."""
    graph = _graph(
        ("app.console.pages", "app.chain"),
        ("app.cli.serve", "app.console.pages"),
        ("app.main", "app.console.console"),
        ("app.chain", "app.clients"),
    )

    assert imports.wrong_way(graph) == []


def test_the_graph_is_read_from_the_files_of_the_tree(tmp_path: Path) -> None:
    """Without running them."""
    tree_of(
        tmp_path,
        {
            "made_up_package/__init__.py": "raise SystemExit",
            "made_up_package/one.py": "from made_up_package import two",
            "made_up_package/two.py": "def later():\n    import made_up_package.one\n",
        },
    )

    graph = imports.graph_of(Tree(tmp_path, ("made_up_package",)))

    assert imports.circles(graph) == [["made_up_package.one", "made_up_package.two"]]
