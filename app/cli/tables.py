"""Tables for people at a terminal."""

from collections.abc import Sequence


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Draw columns as wide as their widest cell, numbers to the right.

    Control characters are shown as escapes, so that no cell controls the terminal.
    """
    cells = [[_shown(cell) for cell in row] for row in rows]
    widths = [max(len(line[column]) for line in (list(head), *cells)) for column in range(len(head))]
    right = [bool(rows) and all(isinstance(row[column], int) for row in rows) for column in range(len(head))]
    return "\n".join(
        "  ".join(
            text.rjust(width) if number else text.ljust(width)
            for text, width, number in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in (head, *cells)
    )


def _shown(cell: object) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(cell))
