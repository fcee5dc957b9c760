"""mem0's memories: as its own server lists them, and as its managed service lists and exports them."""

from datetime import datetime
from typing import Any

from app.portable.converters.building import Converted, Ids, label_of, moments_of, text_of
from app.portable.converters.records import Record
from app.portable.format import MemoryLine
from providers.types import MOMENTS

LISTS = ("results", "memories")  # of the answers of both, and of exports with the usual schema

# What is a part of the memory here, or says nothing once it is elsewhere.
_TAKEN = frozenset(
    {"id", "memory", "text", "content", "hash", "metadata", "score", *MOMENTS}
    | {"user_id", "agent_id", "app_id", "run_id", "session_id", "actor_id", "role"}
)


def convert(record: Record, ids: Ids, place: int, now: datetime) -> Converted:
    """Convert one memory: `run_id` is its session, the actor or else the role its speaker.

    What else it has, such as categories, goes into the metadata. Raises `Unusable` if it is no memory.
    """
    content = next((record[name] for name in ("memory", "text", "content") if record.get(name)), None)
    line = MemoryLine(
        kind="memory",
        id=ids.of_record(record) if not record.get("id") else ids.of(str(record["id"])),
        content=text_of(content, "memory"),
        metadata=_metadata(record),
        session=label_of(record.get("run_id") or record.get("session_id")),
        agent=label_of(record.get("agent_id")),
        app=label_of(record.get("app_id")),
        speaker=label_of(record.get("actor_id") or record.get("role")),
        first_version=place,
        **moments_of(record, now),
    )
    return Converted(line, label_of(record.get("user_id")))


def _metadata(record: Record) -> dict[str, Any] | None:
    own = record.get("metadata")
    more = {name: value for name, value in record.items() if name not in _TAKEN and value not in (None, [], {})}
    if own is not None and not isinstance(own, dict):
        more, own = {"metadata": own, **more}, None
    return {**more, **(own or {})} or None
