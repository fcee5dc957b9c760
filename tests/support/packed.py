"""Memories as arrays, from which an index is built at once."""

from collections.abc import Sequence
from uuid import UUID

import numpy as np
from msgspec.structs import astuple

from providers.search.entries import Entry
from providers.search.moments import expiry_of, microseconds, written_of
from providers.search.packed_memories import PackedMemories, PackedVectors
from providers.search.stored_analysis import stored_analysis
from providers.search.traits import Traits


def packed(entries: Sequence[Entry]) -> PackedMemories:
    """Return memories as a store sends all of them."""
    analyses = [stored_analysis(entry.content, entry.speaker) for entry in entries]
    vectors = [
        PackedVectors(model, np.array([place]), np.asarray(vector, np.float32)[None])
        for place, entry in enumerate(entries)
        for model, vector in entry.vectors.items()
    ]
    return PackedMemories(
        ids=b"".join(UUID(entry.id).bytes for entry in entries),
        version=np.array([entry.version for entry in entries], np.int64),
        first_version=np.array([entry.first_version for entry in entries], np.int64),
        created=np.array([microseconds(entry.created_at) for entry in entries], np.int64),
        expires=np.array([expiry_of(entry.expires_at) for entry in entries], np.int64),
        analyses=b"".join(analyses),
        lengths=np.array([len(analysis) for analysis in analyses], np.int64),
        sessions=[entry.session for entry in entries],
        metadata=b"".join(entry.metadata for entry in entries),
        metadata_lengths=np.array([len(entry.metadata) for entry in entries], np.int64),
        keys=[entry.key for entry in entries],
        traits=[astuple(Traits.of(entry, entry.source)) for entry in entries],
        written=np.array([written_of(entry.source) for entry in entries], np.int64),
        vectors=vectors,
    )


def ids_in(memories: PackedMemories) -> list[str]:
    """Return the ids of memories."""
    return [str(UUID(bytes=memories.ids[at : at + 16])) for at in range(0, len(memories.ids), 16)]
