"""Slices of texts, so that one call of an embedder stays within its time."""

from collections.abc import Iterable, Iterator

from providers.embedders.base import SLICE_CHARS


def slices(texts: Iterable[str], most_chars: int = SLICE_CHARS) -> Iterator[list[str]]:
    """Cut texts into slices for one call each, in order: up to as many characters, or a single text of more."""
    taken: list[str] = []
    chars = 0
    for text in texts:
        if taken and chars + len(text) > most_chars:
            yield taken
            taken, chars = [], 0
        taken.append(text)
        chars += len(text)
    if taken:
        yield taken
