"""Any JSON or CSV, by a mapping that says which of its fields become what of a memory."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from msgspec import Struct

from app.portable.converters.building import Converted, Ids, Unusable, label_of, moments_of, text_of
from app.portable.converters.records import Record
from app.portable.format import MemoryLine
from providers.labels import LABELS
from providers.types import MOMENTS

LISTS = ("memories", "results", "items", "data", "records")
FIELDS = ("id", "content", *MOMENTS, "user_id", *LABELS)
METADATA = "metadata"  # followed by a dot and a name, or alone for all that is not mapped otherwise
REST = "*"


class WrongMapping(Exception):
    """Signal a mapping that cannot be meant."""


class FieldMapping(Struct, frozen=True):
    """A field of a memory and the path to its value in a record, whose steps are separated by dots."""

    paths: Mapping[str, str]

    @classmethod
    def of(cls, given: Mapping[str, str]) -> "FieldMapping":
        """Return a mapping; a field that it does not name has its own name in the records.

        Raises:
            WrongMapping: it names a field that memories do not have.
        """
        for field in given:
            if field not in {*FIELDS, METADATA} and not field.startswith(f"{METADATA}."):
                known = ", ".join((*FIELDS, METADATA, f"{METADATA}.NAME"))
                raise WrongMapping(f"a memory has no {field!r}; there are {known}")
        return cls({field: field for field in (*FIELDS, METADATA)} | dict(given))

    def convert(self, record: Record, ids: Ids, place: int, now: datetime) -> Converted:
        """Convert one record; raise `Unusable` if it is no memory."""
        value = {field: _at(record, path) for field, path in self.paths.items()}
        original = label_of(value["id"])
        labels: dict[str, Any] = {label: label_of(value[label]) for label in LABELS}
        line = MemoryLine(
            kind="memory",
            id=ids.of_record(record) if original is None else ids.of(original),
            content=text_of(value["content"], self.paths["content"]),
            metadata=self._metadata(record, value),
            first_version=place,
            **moments_of(value, now),
            **labels,
        )
        return Converted(line, label_of(value["user_id"]))

    def _metadata(self, record: Record, value: Record) -> dict[str, Any] | None:
        whole = value[METADATA]
        if self.paths[METADATA] == REST:
            taken = {*self.paths.values(), *(path.partition(".")[0] for path in self.paths.values())}
            whole = {name: given for name, given in record.items() if name not in taken}
        elif whole is not None and not isinstance(whole, dict):
            raise Unusable(f"{self.paths[METADATA]} must be an object, to be the metadata")
        begin = len(METADATA) + 1
        named = {
            field[begin:]: given
            for field, given in value.items()
            if field.startswith(f"{METADATA}.") and given is not None
        }
        return {**(whole or {}), **named} or None


def _at(record: Record, path: str) -> Any:  # noqa: ANN401 - any JSON value
    """Return the value at a path, None where there is none; a name that has dots itself is found, too."""
    if path in record:
        return record[path]
    found: Any = record
    for step in path.split("."):
        found = found.get(step) if isinstance(found, dict) else None
    return found
