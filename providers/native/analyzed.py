"""What the analyzer finds in a memory, in the two forms that the table holds beside its text."""

from typing import Self

from msgspec import Struct

from providers.native.terms import memory_terms
from providers.search.stored_analysis import analysis_of, packed_analysis
from providers.text.analyzer import Analysis


class AnalyzedMemory(Struct, frozen=True):
    """A text with its speaker, and what the analyzer finds in both."""

    content: str
    speaker: str | None
    found: Analysis

    @classmethod
    def of(cls, content: str, speaker: str | None) -> Self:
        """Analyze a memory."""
        return cls(content, speaker, analysis_of(content, speaker))


def analysis_column(memory: AnalyzedMemory | None) -> bytes | None:
    """Return what an index of an owner's memories is loaded from, None for a tombstone."""
    return None if memory is None else packed_analysis(memory.found, memory.content, memory.speaker)


def terms_column(memory: AnalyzedMemory | None) -> bytes | None:
    """Return the terms that the database looks for a memory by, None for a tombstone."""
    return None if memory is None else memory_terms(memory.found)
