"""Memories as the browser lists them: the beginning of each, and for an answer of a recall the reasons of its place."""

from msgspec import Struct

from app.console.visible_text import preview
from providers.search.explanations import HitExplanation, WordPart
from providers.types import MemoryRecord

WIDTH = 100  # of a bar that stands for 1


class ScoreBar(Struct, frozen=True):
    """One part of a score: `value` is None where it does not apply, `width` is that of the bar, 0 to `WIDTH`.

    A part that takes something away is drawn as such (`negative`).
    """

    name: str
    value: float | None
    width: float
    negative: bool = False


class MemoryHit(Struct, frozen=True, kw_only=True):
    """One memory of a list or an answer: the beginning of its text, and how many characters there are in all.

    `bars` are empty in a list, and where a provider explains nothing; `score` is None in a list.
    """

    memory: MemoryRecord
    beginning: str
    length: int
    score: ScoreBar | None
    bars: tuple[ScoreBar, ...]
    words: tuple[WordPart, ...]
    explained: HitExplanation | None

    @property
    def cut(self) -> bool:
        """Whether there is more text than is shown."""
        return len(self.beginning) < self.length


def hit_of(memory: MemoryRecord) -> MemoryHit:
    """Return a memory as it is listed."""
    why, score = memory.explanation, memory.similarity_score
    return MemoryHit(
        memory=memory,
        beginning=preview(memory.content),
        length=len(memory.content),
        score=None if score is None else _bar("score", score),
        bars=() if why is None else _bars(why),
        words=() if why is None else why.matched,
        explained=why,
    )


def _bars(why: HitExplanation) -> tuple[ScoreBar, ...]:
    return (
        _bar("order", why.order),
        _bar("cosine", why.cosine),
        _bar("cosine of words", why.word_cosine),
        _bar("words (BM25)", why.words),
        _bar("neighbours", why.neighbours),
        _bar("speaker", why.speaker),
        _bar("recency", why.recency),
    )


def _bar(name: str, value: float | None) -> ScoreBar:
    width = 0.0 if value is None else min(1.0, abs(value)) * WIDTH
    return ScoreBar(name, value, round(width, 1), value is not None and value < 0)
