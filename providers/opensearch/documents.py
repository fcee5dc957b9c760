"""The documents of an index: one for each memory and superseded version, one that heads each owner, some on the store.

A state is one opaque text, as in every other store; the fields beside it are what documents are found and ordered by.
"""

from hashlib import sha256
from typing import Any

from providers.keyed.places import NOWHERE, place_at, place_of
from providers.keyed.vectors import MemoryVector
from providers.opensearch.vectors import BYTES, MODEL, fields_of
from providers.owners import Owner
from providers.search.entries import text_of
from providers.states.codec import encode
from providers.text.analyzer import analyze
from providers.types import Snapshot

_ROUTE_CHARS = 32  # 128 bits of a digest: no two owners have the same
STORE_ROUTE = "store"

FORM = 1  # of the index; another version may make another one
_KEYWORD = {"type": "keyword"}
_OPAQUE = {"type": "keyword", "index": False, "doc_values": False}
MAPPING: dict[str, Any] = {
    "dynamic": "strict",
    "_routing": {"required": True},
    "_meta": {"ninai": {"form": FORM}},
    "properties": {
        "owner": _KEYWORD,
        "head": {"type": "boolean"},  # of the document that heads an owner
        "id": _KEYWORD,  # of a memory or tombstone
        "place": _KEYWORD,  # in the owner's list, of what lives; of a superseded version, in its list of those
        "changed": {"type": "long"},  # the position of its last change, by which a feed is ordered
        "ends": _KEYWORD,  # of what expires: its moment, owner and id
        "fence": _KEYWORD,  # of an erased owner: the keyed hash
        "words": {"type": "text", "analyzer": "whitespace", "index_options": "freqs"},
        "state": _OPAQUE,
    },
}
# What an index has as well as soon as an embedder is configured, beside the field for its vectors.
VECTOR_FIELDS: dict[str, Any] = {
    MODEL: _KEYWORD,  # that has made the vector, or has refused the text
    BYTES: _OPAQUE,
}


def route_of(owner: Owner) -> str:
    """Return what has all documents of an owner in one shard."""
    return sha256(owner.key.encode()).hexdigest()[:_ROUTE_CHARS]


def head_id(owner: Owner) -> str:
    """Return the id of the document that heads an owner."""
    return f"{route_of(owner)}:head"


def state_id(owner: Owner, memory_id: str) -> str:
    """Return the id of the document of a memory."""
    return f"{route_of(owner)}:{memory_id}"


def version_id(owner: Owner, memory_id: str, version: int) -> str:
    """Return the id of the document of a superseded version of a memory."""
    return f"{state_id(owner, memory_id)}:{version}"


def document_of(state: Snapshot, position: int, vector: MemoryVector | None = None) -> dict[str, Any]:
    """Return the document of a state that is written with this position; a tombstone has no place, end and words."""
    document: dict[str, Any] = {"owner": state.user_id, "id": state.id, "changed": position, "state": encode(state)}
    if (place := place_of(state)) != NOWHERE:
        document["place"] = place
    if not state.deleted:
        document["words"] = " ".join(analyze(text_of(state.content or "", state.speaker)).terms)
        if (end := end_of(state)) != NOWHERE:
            document["ends"] = end
        if vector is not None:
            document |= fields_of(vector)
    return document


def end_of(state: Snapshot) -> str:
    """Return the place of a memory among all that expire: its moment, its owner, its id; none of what does not."""
    if state.expires_at is None:
        return NOWHERE
    return f"{place_at(state.expires_at)}{route_of(state.owner)}{state.id}"
