"""Tables and spans of time, for people at a terminal."""

from collections.abc import Sequence

_MINUTE, _HOUR, _DAY = 60, 3_600, 86_400


def table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    """Draw columns as wide as their widest cell, numbers to the right.

    What a terminal would take for a command is shown as an escape.
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


def span(seconds: float) -> str:
    """Say roughly how long something is, `-` for nothing."""
    if seconds <= 0:
        return "-"
    for unit, name in ((_DAY, "d"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.1f} s"


def _shown(cell: object) -> str:
    return "".join(char if char.isprintable() else repr(char)[1:-1] for char in str(cell))
