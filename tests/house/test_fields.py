"""Which files name a field."""

from pathlib import Path

from tests.house import fields
from tests.house.made_up import tree_of


def test_files_of_every_kind_in_every_package_count(tmp_path: Path) -> None:
    """Python, SQL and templates, each once, by path."""
    tree = tree_of(
        tmp_path,
        {
            "providers/b.py": "updated_at = 1\nprint(updated_at)\n",
            "providers/a.sql": "SELECT m.updated_at FROM m",
            "app/page.html": "{{ memory.updated_at }}",
            "observability/x.py": "row['updated_at']",
        },
    )

    assert fields.files_naming(tree, "updated_at") == [
        "app/page.html",
        "providers/a.sql",
        "providers/b.py",
        "observability/x.py",
    ]


def test_a_longer_name_is_another_name(tmp_path: Path) -> None:
    """It may only contain the field's."""
    tree = tree_of(tmp_path, {"app/a.py": "updated_at_last = 1", "app/b.py": "last_updated_at = 1", "app/c.py": ""})

    assert fields.files_naming(tree, "updated_at") == []


def test_neither_tests_nor_other_kinds_of_files_count(tmp_path: Path) -> None:
    """Only what a change of the product touches."""
    tree = tree_of(tmp_path, {"tests/a.py": "updated_at", "deploy/a.py": "updated_at", "app/style.css": "updated_at"})

    assert fields.files_naming(tree, "updated_at") == []


def test_migrations_count_and_are_shown(tmp_path: Path) -> None:
    """They are never changed again, so that the reader may take them off."""
    tree = tree_of(tmp_path, {"providers/native/migrations/1.py": "updated_at", "app/a.py": "updated_at"})

    files, migrations, *_ = fields.rows(tree)

    assert (files.value, migrations.value) == (2, 1)
