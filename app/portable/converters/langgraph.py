"""The items of LangGraph's stores: what `store.search()` returns, or the rows of the table `store` in PostgreSQL."""

from datetime import datetime
from typing import Any

import msgspec

from app.portable.converters.building import Converted, Ids, Unusable, moments_of
from app.portable.converters.records import Record
from app.portable.format import MemoryLine

LISTS = ("items", "results")
_TEXTS = ("content", "text", "memory", "data")  # in which values usually have the text, the likeliest first
BESIDE = "langgraph"  # of the metadata: where namespace and key stand


def convert(record: Record, ids: Ids, place: int, now: datetime) -> Converted:
    """Convert one item: its text is that of its value, and the rest of the value its metadata.

    A value without a text is stored as JSON. Namespace and key stand in the metadata. Raises `Unusable` if it is none.
    """
    namespace, key, value = _namespace(record), record.get("key"), record.get("value")
    if isinstance(value, str):  # as tables in CSV have it
        try:
            value = msgspec.json.decode(value)
        except msgspec.DecodeError:
            raise Unusable("value is not JSON") from None
    if not isinstance(key, str) or not isinstance(value, dict):
        raise Unusable("it is no item of a store: `namespace` (or `prefix`), `key` and `value` are needed")
    name = next((name for name in _TEXTS if isinstance(value.get(name), str) and value[name].strip()), None)
    rest: dict[str, Any] = {} if name is None else {field: given for field, given in value.items() if field != name}
    line = MemoryLine(
        kind="memory",
        id=ids.of(*namespace, key),
        content=msgspec.json.encode(value).decode() if name is None else value[name],
        metadata={**rest, BESIDE: {"namespace": namespace, "key": key}},
        first_version=place,
        **moments_of(record, now),
    )
    return Converted(line)


def _namespace(record: Record) -> list[str]:
    namespace = record.get("namespace")
    if isinstance(namespace, list) and all(isinstance(part, str) for part in namespace):
        return namespace
    prefix = record.get("prefix", namespace)  # the table joins the parts, in which it allows no dots
    if isinstance(prefix, str):
        return prefix.split(".") if prefix else []
    raise Unusable("namespace must be a list of texts")
