"""How much an owner holds: memories, and the bytes of their texts and metadata."""

import json
from collections.abc import Iterable

from msgspec import Struct

from providers.owners import Owner
from providers.types import Metadata, Snapshot


class Holdings(Struct, frozen=True):
    """A number of live memories, and the bytes of their texts and metadata; what has expired counts until it is erased.

    The difference of two of them may be negative.
    """

    memories: int = 0
    bytes: int = 0

    def __add__(self, other: "Holdings") -> "Holdings":
        return Holdings(self.memories + other.memories, self.bytes + other.bytes)

    def __sub__(self, other: "Holdings") -> "Holdings":
        return Holdings(self.memories - other.memories, self.bytes - other.bytes)


class OwnerHoldings(Struct, frozen=True):
    """What one owner holds."""

    owner: Owner
    held: Holdings


def bytes_of(content: str | None, metadata: Metadata | None) -> int:
    """Return the bytes of a text in UTF-8, and of metadata as JSON with a space behind each comma and colon.

    So PostgreSQL writes JSON, so that it counts the same without sending anything.
    """
    of_text = 0 if content is None else len(content.encode(errors="surrogatepass"))
    if metadata is None:
        return of_text
    return of_text + len(json.dumps(metadata, ensure_ascii=False).encode(errors="surrogatepass"))


def holdings_of(states: Iterable[Snapshot]) -> Holdings:
    """Return what is held in these states of an owner's memories."""
    sizes = [bytes_of(state.content, state.metadata) for state in states if not state.deleted]
    return Holdings(len(sizes), sum(sizes))
