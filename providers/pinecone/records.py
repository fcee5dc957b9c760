"""The records of an owner's namespace: a copy of a state is one record or several, and its name says what it is.

Pinecone compares nothing before it writes, so nothing is ever changed in place: a new state is a copy beside the
others, and of all copies of a memory the one that `providers/states/merging.py` chooses counts. Their ids tell enough
of them to put memories in order without reading any.
"""

from collections.abc import Iterable, Iterator, Mapping
from hashlib import sha256

from msgspec import Struct

from providers.keyed.places import place_at, place_of
from providers.owners import Owner
from providers.pinecone.index import VectorRecord
from providers.pinecone.namespaces import OWNER, owner_in
from providers.states.codec import decode, encode
from providers.types import Snapshot

MEMORY, TEXT, EDITION = "m", "s", "e"  # in metadata
HEAD = "head"  # the record that is another one with every write

# Pinecone takes 40 KB of metadata with a record; what else stands in ours are an id and the key of an owner.
CHUNK_BYTES = 30_000

_ID_CHARS = 36
_PARTS = 8
_DELETED, _LIVING = "T", "L"
_DIGEST_CHARS = 16


class CopyName(Struct, frozen=True):
    """What the ids of a copy's records tell: `text` is what they have in common.

    `place` is that in the owner's list, and `ends` when it expires, both empty if there is none.
    """

    text: str
    memory_id: str
    version: int
    deleted: bool
    place: str
    ends: str


class RecordName(Struct, frozen=True):
    """What the id of one record tells: the `index`th of `count` of a copy."""

    id: str
    copy: CopyName
    index: int
    count: int


class FoundCopies(Struct, frozen=True):
    """What was found of one memory: the copies that are whole, by their names, and the ids of all records."""

    whole: dict[str, Snapshot]
    records: tuple[str, ...]


NOTHING_FOUND = FoundCopies({}, ())


def name_of(state: Snapshot) -> CopyName:
    """Return the name of the copy of a state."""
    return _named(state, encode(state))


def records_of(state: Snapshot) -> list[VectorRecord]:
    """Return the records of a copy."""
    text = encode(state)
    name, chunks = _named(state, text).text, [*_chunks(text)]
    shared = {MEMORY: state.id, OWNER: state.user_id}
    return [
        VectorRecord(f"{name}.{index}.{len(chunks)}", {**shared, TEXT: chunk}) for index, chunk in enumerate(chunks)
    ]


def head_of(owner: Owner, edition: str) -> VectorRecord:
    """Return the record that tells of the last write."""
    return VectorRecord(HEAD, {EDITION: edition, OWNER: owner.key})


def record_named(record_id: str) -> RecordName | None:
    """Return what an id tells, None if it is none of ours."""
    parts = record_id.split(".")
    if len(parts) != _PARTS or not (parts[1].isdecimal() and parts[6].isdecimal() and parts[7].isdecimal()):
        return None
    place = parts[3] + parts[0] if parts[3] else ""
    copy = CopyName(".".join(parts[:6]), parts[0], int(parts[1]), parts[2] == _DELETED, place, parts[4])
    return RecordName(record_id, copy, int(parts[6]), int(parts[7]))


def whole_copies(names: Iterable[RecordName]) -> dict[str, CopyName]:
    """Return the copies of which every record is there, by their names."""
    seen: dict[str, int] = {}
    whole = {}
    for name in names:
        seen[name.copy.text] = seen.get(name.copy.text, 0) + 1
        if seen[name.copy.text] == name.count:
            whole[name.copy.text] = name.copy
    return whole


def copies_in(records: Iterable[VectorRecord], owner: Owner) -> dict[str, FoundCopies]:
    """Return the copies that records make up, by their memories; what is nobody's, or another's, is left out."""
    of_memories: dict[str, list[tuple[RecordName, str]]] = {}
    for record in records:
        name, text = record_named(record.id), record.metadata.get(TEXT)
        if name is not None and isinstance(text, str) and owner_in(record.metadata) == owner:
            of_memories.setdefault(name.copy.memory_id, []).append((name, text))
    return {memory_id: _found(parts) for memory_id, parts in of_memories.items()}


def _found(parts: Iterable[tuple[RecordName, str]]) -> FoundCopies:
    texts: dict[str, dict[int, str]] = {}
    counts: Mapping[str, int] = {name.copy.text: name.count for name, _ in parts}
    for name, text in parts:
        texts.setdefault(name.copy.text, {})[name.index] = text
    whole = {}
    for copy, chunks in texts.items():
        if len(chunks) == counts[copy]:
            text = "".join(chunks[index] for index in sorted(chunks))
            if copy.endswith(_digest(text)):
                whole[copy] = decode(text)
    return FoundCopies(whole, tuple(name.id for name, _ in parts))


def _named(state: Snapshot, text: str) -> CopyName:
    place = place_of(state)
    ends = "" if state.expires_at is None else place_at(state.expires_at)
    fields = (
        state.id,
        f"{state.version:019d}",
        _DELETED if state.deleted else _LIVING,
        place[:-_ID_CHARS],
        ends,
        _digest(text),
    )
    return CopyName(".".join(fields), state.id, state.version, state.deleted, place, ends)


def _digest(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:_DIGEST_CHARS]


def _chunks(text: str) -> Iterator[str]:
    """Yield a text in pieces, none of which begins within a character."""
    encoded = text.encode()
    begin = 0
    while begin < len(encoded):
        end = min(begin + CHUNK_BYTES, len(encoded))
        while end < len(encoded) and encoded[end] & 0xC0 == 0x80:  # noqa: PLR2004 - a byte within a character, in UTF-8
            end -= 1
        yield encoded[begin:end].decode()
        begin = end
