"""Reading the set: conversations in the order in which they were stored, and questions with their evidence.

A conversation is a text: `session NAME MOMENT` begins a session, and each further line is a memory, `Speaker: text`,
with a label in front where a question asks for it. A line of questions has the labels of the evidence and the question.
"""

import re
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from uuid import NAMESPACE_OID, uuid5

from msgspec import Struct

FOLDER = Path(__file__).parent

_LINE = re.compile(r"(?:\[(?P<label>[^\]]+)\] )?(?P<speaker>[^:\uff1a]+)[:\uff1a] ?(?P<text>.+)")
_READING_SPEED = 15.0  # characters a second, after which the next line follows
_PAUSE = 10.0  # seconds


class Line(Struct, frozen=True, kw_only=True):
    """One memory of a conversation."""

    id: str
    created_at: datetime
    session: str
    speaker: str
    text: str
    label: str | None


class Asked(Struct, frozen=True):
    """A question, and the ids of the memories that answer it."""

    text: str
    evidence: frozenset[str]


class Conversation(Struct, frozen=True):
    """The memories of one user, and what is asked about them."""

    name: str
    language: str
    lines: tuple[Line, ...]
    questions: tuple[Asked, ...]


def conversations() -> list[Conversation]:
    """Read all conversations of the set, by name."""
    return [_conversation(path) for path in sorted((FOLDER / "conversations").glob("*.txt"))]


def together(several: Sequence[Conversation]) -> Conversation:
    """Return all conversations as those of one user, who speaks many languages and has many memories."""
    lines = sorted((line for one in several for line in one.lines), key=lambda line: line.created_at)
    return Conversation("all", "all", tuple(lines), tuple(question for one in several for question in one.questions))


def _conversation(path: Path) -> Conversation:
    language, session, moment = "", "", datetime.min.replace(tzinfo=UTC)
    lines: list[Line] = []
    for number, row in enumerate(path.read_text("utf-8").splitlines()):
        head, *words = row.split(" ")
        if head == "language":
            language = words[0]
        elif head == "session":
            session, moment = f"{path.stem} {words[0]}", datetime.fromisoformat(f"{words[1]}+00:00")
        elif (found := _LINE.fullmatch(row)) is not None:
            lines.append(
                Line(
                    id=str(uuid5(NAMESPACE_OID, f"{path.stem} {number}")),
                    created_at=moment,
                    session=session,
                    speaker=found["speaker"],
                    text=found["text"],
                    label=found["label"],
                )
            )
            moment += timedelta(seconds=_PAUSE + len(row) / _READING_SPEED)
        else:
            raise ValueError(f"{path.name} line {number + 1} is no memory: {row}")
    labels = {line.label: line.id for line in lines if line.label is not None}
    asked = (FOLDER / "questions" / path.name).read_text("utf-8").splitlines()
    return Conversation(path.stem, language, tuple(lines), tuple(_asked(row, labels) for row in asked))


def _asked(row: str, labels: dict[str, str]) -> Asked:
    evidence, _, text = row.partition(" | ")
    return Asked(text, frozenset(labels[label] for label in evidence.split()))
