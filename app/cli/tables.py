"""What commands print: tables for people at a terminal, or JSON for programs."""

from collections.abc import Callable, Sequence
from typing import TypeVar

import click
import msgspec

T = TypeVar("T")


def show(value: T, in_words: Callable[[T], str], *, as_json: bool) -> None:
    """Print a value in words, or as JSON."""
    click.echo(msgspec.json.format(msgspec.json.encode(value), indent=2).decode() if as_json else in_words(value))


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Draw columns as wide as their widest cell, numbers to the right.

    Control characters are shown as escapes, so that no cell controls the terminal.
    """
    cells = [[shown(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in (list(head), *cells)) for column in range(len(head))]
    right = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (head, *cells)
    )


def shown(cell: object) -> str:
    """Return a text without control characters: each is shown as an escape."""
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(cell))
