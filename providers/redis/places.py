"""The bounds of places as Redis writes them; they are texts that it orders byte by byte."""

from datetime import datetime

from providers.histories import VersionPlace
from providers.keyed.places import NOWHERE, place_at
from providers.types import PageQuery, Snapshot

_ID_CHARS = 36


_VERSION_DIGITS = 19  # of 64 bits


def version_at(memory_id: str, version: int) -> str:
    """Return the place of a superseded version: its memory's id, and its number."""
    return f"{memory_id}:{version:0{_VERSION_DIGITS}}"


def version_in(place: bytes) -> VersionPlace:
    """Return the memory and the number of the version at a place."""
    memory_id, _, version = place.decode().partition(":")
    return memory_id, int(version)


def versions_of(memory_id: str) -> tuple[str, str]:
    """Return the bounds of the places of a memory's versions, as Redis writes bounds."""
    return f"[{memory_id}:", f"({memory_id};"  # which comes next to a colon


def id_at(place: bytes) -> str:
    """Return the id of the memory at a place of either kind."""
    return place[-_ID_CHARS:].decode()


def end_of(state: Snapshot | None) -> str:
    """Return the place of a memory among those that expire: its moment, its id; none of what does not expire."""
    return NOWHERE if state is None or state.expires_at is None else f"{place_at(state.expires_at)}{state.id}"


def ended_by(moment: datetime) -> str:
    """Return the greatest end of what has expired at a moment, as Redis writes bounds."""
    return f"[{place_at(moment)}~"


def bounds_of(query: PageQuery) -> tuple[str, str]:
    """Return the least and the greatest place that a page can have, as Redis writes bounds; more may lie between."""
    if query.after is None:
        return "-", "+"
    at = place_at(query.after.created_at)
    return (f"[{at}", "+") if query.order == "oldest" else ("-", f"[{at}~")
