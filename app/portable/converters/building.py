"""The parts of a memory out of somebody else's values."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import msgspec
from msgspec import Struct

from app.portable.format import MemoryLine
from providers.errors import InvalidInput
from providers.limits import check_memory_id
from providers.states.clock import keyed_memory_id
from providers.types import MOMENTS

_SCOPE = "converted"
_MILLISECONDS = 100_000_000_000  # numbers from here on are no seconds: they would be in the year 5138


class Converted(Struct, frozen=True):
    """A memory, and the user to whom its source says that it belongs, None if it names nobody."""

    line: MemoryLine
    user: str | None = None


class Unusable(Exception):
    """Signal a record that is no memory, and why."""


class Ids:
    """Give each record an id, the same one again when the same file is converted again."""

    def __init__(self, source: str) -> None:
        self._source = source
        self._seen: Counter[bytes] = Counter()

    def of(self, *original: str) -> str:
        """Return an id that is a UUID as it is, and for any other the UUID that stands for it."""
        if len(original) == 1:
            try:
                return check_memory_id(original[0])
            except InvalidInput:
                pass
        return keyed_memory_id(_SCOPE, self._source, *original)

    def of_record(self, record: Mapping[str, Any]) -> str:
        """Return the id of a record that has none: it derives from the whole of it, and how often that came before."""
        text = msgspec.json.encode(record, order="sorted")
        self._seen[text] += 1
        return keyed_memory_id(_SCOPE, self._source, text.decode(), str(self._seen[text]))


def text_of(value: object, field: str) -> str:
    """Return a text; raise `Unusable` if the value is none."""
    if not isinstance(value, str) or not value.strip():
        raise Unusable(f"{field} must be a text that is not blank")
    return value


def label_of(value: object) -> str | None:
    """Return a label, None where there is none."""
    return None if value is None or value == "" else str(value)


def moment_of(value: object, field: str, default: datetime | None) -> datetime | None:
    """Return a moment: ISO 8601, in UTC where it names no time zone, or seconds or milliseconds since 1970.

    Raises:
        Unusable: it is none of these.
    """
    if value is None or value == "":
        return default
    try:
        if isinstance(value, str) and not _is_number(value):
            moment = datetime.fromisoformat(value.strip())
            return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            number = float(value)
            return datetime.fromtimestamp(number / 1000 if abs(number) >= _MILLISECONDS else number, UTC)
    except (ValueError, OverflowError, OSError):
        pass
    raise Unusable(f"{field} is no moment")


def moments_of(record: Mapping[str, Any], now: datetime) -> dict[str, Any]:
    """Return when a record was created, by default now, changed, and expires, by their names; raise as `moment_of`."""
    created_at, changed_at, *others = (moment_of(record.get(name), name, None) for name in MOMENTS)
    created_at = created_at or now
    changed_at = None if changed_at == created_at else changed_at
    return dict(zip(MOMENTS, (created_at, changed_at, *others), strict=True))


def _is_number(text: str) -> bool:
    return text.strip().lstrip("-").replace(".", "", 1).isdecimal()
