"""How memories are shown: one in a line, as much of it as the terminal is wide; programs get all of it."""

import shutil
import sys
from collections.abc import Sequence

import msgspec
from msgspec import Struct

from app.cli.tables import table


class Memory(Struct, frozen=True):
    """What a table shows of a memory."""

    id: str
    content: str
    created_at: str
    similarity_score: float | None = None
    speaker: str | None = None


def memories_in_words(memories: Sequence[dict[str, object]]) -> str:
    """Draw memories as a table; content that does not fit the terminal is cut."""
    shown = msgspec.convert(memories, list[Memory])
    if not shown:
        return "no memories"
    scored = any(memory.similarity_score is not None for memory in shown)
    spoken = any(memory.speaker is not None for memory in shown)
    head = ("id", "created", *(("score",) if scored else ()), *(("speaker",) if spoken else ()), "content")
    rows = [
        (
            memory.id,
            memory.created_at[:16].replace("T", " "),
            *((f"{memory.similarity_score or 0:.2f}",) if scored else ()),
            *((memory.speaker or "-",) if spoken else ()),
            memory.content,
        )
        for memory in shown
    ]
    return _within(table(head, rows))


def _within(text: str) -> str:
    """Cut the lines at the width of the terminal, if there is one."""
    if not sys.stdout.isatty():
        return text
    columns = shutil.get_terminal_size().columns
    return "\n".join(line if len(line) <= columns else f"{line[: columns - 1]}…" for line in text.split("\n"))
