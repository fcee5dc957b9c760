"""How long things are."""

from pathlib import Path

from tests.house import sizes
from tests.house.made_up import tree_of


def test_a_file_of_as_many_lines_as_allowed_is_not_over(tmp_path: Path) -> None:
    """One line more is."""
    tree = tree_of(tmp_path, {"app/right.py": "x = 1\n" * 300, "providers/long.py": "x = 1\n" * 301})

    assert sizes.files_over(tree, 300) == ["providers/long.py, 301"]


def test_only_python_files_of_the_product_have_a_length(tmp_path: Path) -> None:
    """Tests may be longer, and so may templates."""
    tree = tree_of(tmp_path, {"tests/long.py": "x = 1\n" * 301, "app/long.html": "\n" * 301})

    assert sizes.files_over(tree, 300) == []


def test_the_clients_are_no_part_of_the_product(tmp_path: Path) -> None:
    """They are distributions of their own; a folder whose name begins so is a part of it."""
    tree = tree_of(tmp_path, {"app/client/python/a.py": "x = 1\n" * 301, "app/clients/b.py": "x = 1\n" * 301})

    assert sizes.files_over(tree, 300) == ["app/clients/b.py, 301"]


def test_a_function_is_as_long_as_from_its_def_to_its_end(tmp_path: Path) -> None:
    """Decorators do not count; methods, coroutines and nested functions do."""
    source = """
    @decorated
    def outer():
        async def inner():
            pass
        return inner

    class Some:
        def method(self): ...
    """

    assert sorted(sizes.function_lines(tree_of(tmp_path, {"app/a.py": source}))) == [1, 2, 4]


def test_a_body_begins_after_the_docstring(tmp_path: Path) -> None:
    """It is as long as its statements."""
    documented = 'def right():\n    """Say\n\n    much.\n    """\n' + "    x = 1\n" * 40
    tree = tree_of(tmp_path, {"app/a.py": documented, "app/b.py": "def long():\n" + "    x = 1\n" * 41})

    assert sizes.long_bodies(tree) == ["app/b.py: long, 41"]


def test_a_function_of_a_docstring_alone_has_no_body(tmp_path: Path) -> None:
    """It promises something and does nothing."""
    tree = tree_of(tmp_path, {"app/a.py": 'def promised():\n    """Promise."""\n'})

    assert sizes.long_bodies(tree, 0) == []


def test_the_table_has_the_sum_and_the_longest_file(tmp_path: Path) -> None:
    """Over all packages."""
    tree = tree_of(tmp_path, {"app/a.py": "def f():\n    pass\n", "observability/b.py": "x = 1\n" * 9})

    rows = {row.measure: row for row in sizes.rows(tree)}

    assert rows["lines of them"].value == 11
    assert rows["longest file"].places == ("observability/b.py",)


def test_only_what_is_code_counts_as_code(tmp_path: Path) -> None:
    """Docstrings, comments and blank lines are none; a text of several lines that is a value is."""
    source = '''
    """What the file is for.

    At length.
    """

    # A reason.
    TEXT = """of
    two lines"""


    class Some:
        """A thing."""

        def method(self):
            """Do."""
            return TEXT  # as it is
    '''

    tree = tree_of(tmp_path, {"app/a.py": source})

    assert sizes.code_lines(tree, tree.product()[0]) == 5
