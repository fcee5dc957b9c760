"""The answer to a question: as many of the memories found as fit into its budget, and their text for a prompt."""

from collections.abc import Iterable

from msgspec import UNSET, UnsetType

from app.http.schemas import RecallRequest
from providers.timing.turns import in_turns
from providers.types import MemoryRecord

_NEXT_LINE = "\n  "  # so that a line of a memory is never taken for another memory


async def within_budget(
    question: RecallRequest, found: list[MemoryRecord], *, names_owners: bool = False
) -> tuple[list[MemoryRecord], str | UnsetType]:
    """Return the memories of an answer, best first, and their text if it was asked for, with their owners on request.

    A memory that does not fit any more is passed over, and shorter ones behind it may still fit. What counts are the
    characters of the text, or, without one, of the contents.
    """
    if question.format != "text" and question.max_characters is UNSET:
        return found, UNSET
    if question.format != "text":
        return [record for record, _ in _fitting(question, ((one, one.content) for one in found))], UNSET
    lines = await in_turns(_owned_line_of if names_owners else _line_of, found)
    kept = list(_fitting(question, zip(found, lines, strict=True)))
    return [record for record, _ in kept], "".join(line for _, line in kept)


def bytes_for_memories(questions: Iterable[RecallRequest], most_bytes: int) -> int:
    """Return how many of an answer's bytes its memories may take: a third of them if they are also told as text.

    The text of a memory takes twice as much as its JSON at most: of each line break, written in two bytes, it makes
    four; and what it adds once is shorter than an id, a user and a moment.
    """
    return most_bytes // 3 if any(question.format == "text" for question in questions) else most_bytes


def _fitting(question: RecallRequest, told: Iterable[tuple[MemoryRecord, str]]) -> Iterable[tuple[MemoryRecord, str]]:
    left = question.max_characters
    for record, text in told:
        if left is UNSET:
            yield record, text
        elif len(text) <= left:
            left -= len(text)
            yield record, text


def _line_of(record: MemoryRecord, owner: str = "") -> str:
    lines = record.content.splitlines()
    return f"- {record.created_at:%Y-%m-%d}{owner}: {_NEXT_LINE.join(lines)}\n"


def _owned_line_of(record: MemoryRecord) -> str:
    return _line_of(record, f" ({record.user_id})")
