"""Summaries of what a store holds of one owner, by which stores are compared without reading every memory."""

from collections.abc import Iterable
from hashlib import md5

from msgspec import Struct

from providers.owners import Owner
from providers.types import Snapshot

# As a PostgreSQL computes them alike: 15 hex digits of a hash fit into a bigint, and so does their sum below 2^63.
HEX_DIGITS = 15
MODULUS = 2**63
DELETED = "deleted"  # in the place of a tombstone's version, which may differ between stores that are equal


class OwnerSummary(Struct, frozen=True, kw_only=True):
    """The numbers of live memories and of tombstones of an owner, and a digest of which ones and versions they are.

    `history` is the digest of the superseded versions that are kept, 0 where none are.

    Two stores whose summaries of an owner are equal hold the same of that owner.
    """

    owner: Owner
    live: int
    deleted: int
    digest: int
    history: int = 0


def summary_of(owner: Owner, states: Iterable[Snapshot], versions: Iterable[Snapshot] = ()) -> OwnerSummary:
    """Return the summary of an owner of whom a store holds these states, and these superseded versions."""
    live = deleted = digest = 0
    for state in states:
        live += not state.deleted
        deleted += state.deleted
        digest = (digest + _term(state)) % MODULUS
    history = sum(map(_term, versions)) % MODULUS
    return OwnerSummary(owner=owner, live=live, deleted=deleted, digest=digest, history=history)


def _term(state: Snapshot) -> int:
    named = f"{state.id}/{DELETED if state.deleted else state.version}"
    return int(md5(named.encode(), usedforsecurity=False).hexdigest()[:HEX_DIGITS], 16)
