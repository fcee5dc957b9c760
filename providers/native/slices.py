"""Slices of a batch of texts, each small enough for one call of an embedder."""

from collections.abc import Iterable, Iterator

SLICE_CHARS = 64_000


def slices(texts: Iterable[str]) -> Iterator[list[str]]:
    """Cut texts into slices for one call each, in order: up to 64,000 characters, or a single text of more."""
    taken: list[str] = []
    chars = 0
    for text in texts:
        if taken and chars + len(text) > SLICE_CHARS:
            yield taken
            taken, chars = [], 0
        taken.append(text)
        chars += len(text)
    if taken:
        yield taken
