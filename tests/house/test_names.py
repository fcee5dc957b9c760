"""Which classes share a name."""

from pathlib import Path

from tests.house import names
from tests.house.made_up import tree_of


def test_two_classes_of_one_name_are_found(tmp_path: Path) -> None:
    """Also nested ones, and two of one file."""
    tree = tree_of(
        tmp_path,
        {
            "app/a.py": "class Same: ...\nclass Other:\n    class Twice: ...\n    class _Once: ...\n",
            "providers/b.py": "class Same: ...\n",
            "observability/c.py": "def f():\n    class Twice: ...\n",
        },
    )

    assert names.shared_names(tree) == {
        "Same": ["app/a.py", "providers/b.py"],
        "Twice": ["app/a.py", "observability/c.py"],
    }


def test_a_name_may_be_used_again_by_tests(tmp_path: Path) -> None:
    """And by what is not a class."""
    tree = tree_of(
        tmp_path, {"app/a.py": "class Same: ...\n", "app/b.py": "Same = 1\n", "tests/c.py": "class Same: ...\n"}
    )

    assert names.shared_names(tree) == {}
