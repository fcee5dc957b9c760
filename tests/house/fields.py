"""How many files of the product name one field: what adding another field like it would touch."""

import re

from tests.house.table import Row
from tests.house.tree import Tree

FIELD_OF_A_MEMORY = "updated_at"
FIELD_OF_A_QUESTION = "created_before"
SUFFIXES = (".py", ".sql", ".html")
_MIGRATIONS = "migrations/"


def files_naming(tree: Tree, field: str) -> list[str]:
    """Return the files that contain the field's name as a word of its own."""
    word = re.compile(rf"\b{re.escape(field)}\b")
    return [tree.name(path) for path in tree.product(*SUFFIXES) if word.search(path.read_text())]


def rows(tree: Tree) -> list[Row]:
    """Return the rows of this measure."""
    return [
        *_rows_of(tree, "a memory", FIELD_OF_A_MEMORY, "<= 11"),
        *_rows_of(tree, "a question", FIELD_OF_A_QUESTION, "<= 8"),
    ]


def _rows_of(tree: Tree, owner: str, field: str, aim: str) -> list[Row]:
    files = files_naming(tree, field)
    migrations = [file for file in files if _MIGRATIONS in file]
    return [
        Row(measure=f"files that name a field of {owner} ({field})", value=len(files), aim=aim, places=tuple(files)),
        Row(measure="    of them migrations", value=len(migrations)),
    ]
