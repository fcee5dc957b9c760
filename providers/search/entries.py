"""What an index of one user's memories takes: entries, with all that a ranking looks at."""

from collections.abc import Mapping
from datetime import datetime
from typing import Self

import msgspec
import numpy as np
from numpy.typing import NDArray

from providers.source import Sourced, attributes_of
from providers.text.folding import fold
from providers.types import MemoryRecord

_LONGEST_NAME = 40  # characters of a speaker's name that a memory begins with
_MOST_WORDS = 3  # of such a name

Vector = NDArray[np.float32]


class Entry(Sourced, frozen=True, kw_only=True):
    """A memory as a ranking sees it.

    `vectors` has its float32[dim] of unit length by the name of the embedding model, as many as there are. `speaker` is
    who said it, where that is known; otherwise a name that the content begins with counts ("Anna: I moved").
    `first_version` and `expires_at` are those of `Snapshot`. `metadata` is JSON, empty if there is none.
    """

    id: str
    version: int
    created_at: datetime
    content: str
    first_version: int = 0
    expires_at: datetime | None = None
    vectors: Mapping[str, Vector] = {}
    metadata: bytes = b""

    @classmethod
    def of(cls, record: MemoryRecord, version: int, vectors: Mapping[str, Vector] | None = None) -> Self:
        """Return the entry of a memory in one of its versions."""
        return cls(
            id=record.id,
            version=version,
            created_at=record.created_at,
            content=record.content,
            first_version=record.first_version,
            expires_at=record.expires_at,
            vectors=vectors or {},
            metadata=b"" if record.metadata is None else msgspec.json.encode(record.metadata),
            **attributes_of(record),
        )


def text_of(content: str, speaker: str | None) -> str:
    """Return the words that a memory is found by: the content, with the speaker in front."""
    if speaker is None or leading_name(content) is not None:
        return content
    return f"{speaker}: {content}"


def said_by(content: str, speaker: str | None) -> str | None:
    """Return the speaker, folded."""
    name = speaker or leading_name(content)
    return (" ".join(fold(name).split()) or None) if name else None


def leading_name(content: str) -> str | None:
    """Return the name in front of the colon that a content begins with, None if there is none."""
    head, colon, _ = content[: _LONGEST_NAME + 1].replace("\uff1a", ": ").partition(": ")
    if not colon:  # as in most contents
        return None
    words = head.split()
    if not 1 <= len(words) <= _MOST_WORDS:
        return None
    named = all(
        word[0].isalpha() and word.replace(".", "").replace("-", "").replace("'", "").isalnum() for word in words
    )
    return head.strip() if named else None
