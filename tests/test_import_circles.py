"""No module imports itself by way of others, in whatever place of a file an import stands."""

from collections.abc import Iterable, Mapping
from graphlib import CycleError, TopologicalSorter

import grimp
import pytest

_PACKAGES = ("app", "providers", "observability")


def circle_in(imports: Mapping[str, Iterable[str]]) -> list[str]:
    """Return a circle of modules, each of which imports the next; nothing if there is none."""
    try:
        TopologicalSorter(imports).prepare()
    except CycleError as error:
        circle: list[str] = error.args[1]
        return circle
    return []


def test_no_module_imports_itself_by_way_of_others() -> None:
    """An import within a function or for type checkers alone counts as any other."""
    graph = grimp.build_graph(*_PACKAGES, exclude_type_checking_imports=False, cache_dir=None)

    imports = {module: graph.find_modules_directly_imported_by(module) for module in graph.modules}

    assert circle_in(imports) == []


@pytest.mark.parametrize(
    ("imports", "circle"),
    [
        ({"a": {"b"}, "b": {"c"}}, set()),
        ({"a": {"b"}, "b": {"a"}}, {"a", "b"}),
        ({"a": {"b", "d"}, "b": {"c"}, "c": {"a"}}, {"a", "b", "c"}),
    ],
)
def test_a_circle_is_found(imports: Mapping[str, Iterable[str]], circle: set[str]) -> None:
    """Whatever its length; without one there is none."""
    assert set(circle_in(imports)) == circle
