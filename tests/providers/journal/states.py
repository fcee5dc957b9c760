"""States of memories that are hard to keep exactly."""

from datetime import UTC, datetime, timedelta, timezone

from providers.types import Snapshot

USER = "kannan \u2028 \U0001f600"
MOMENT = datetime(2026, 3, 1, 12, 30, 15, 123457, tzinfo=UTC)
DIGITS = 10**4_299  # the longest integer that Python reads, of 4,300 digits


def state(memory_id: str, content: str | None = "tea", **others: object) -> Snapshot:
    """Return a state with these fields."""
    fields: dict[str, object] = {"created_at": MOMENT, "digest": bytes(range(256))} | others
    return Snapshot(user_id=USER, id=memory_id, version=1 << 62, content=content, **fields)  # type: ignore[arg-type] # any


STATES = [
    state("plain"),
    state("text", '\x00 "\\ \u2028 \U0001f600 ' * 3),
    state("no metadata", metadata=None),
    state("empty metadata", metadata={}),
    state("nested metadata", metadata={"a": [{"": None}, True, [], {}], "\x00": "\U0001f600"}),
    state("integers", metadata={"a": [0, 2**53 + 1, 2**63, -(2**63) - 1, 2**64, 10**400, -(10**400), DIGITS, -DIGITS]}),
    state("floats", metadata={"a": [0.1, -0.5, 1e308, 1.7976931348623157e308, 5e-324, 1e22, 123456789.125]}),
    state("edited", updated_at=MOMENT + timedelta(microseconds=1), edits=("one", "two \U0001f600")),
    state("first moment", created_at=datetime(1, 1, 1, tzinfo=UTC)),
    state("last moment", created_at=datetime(9999, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)),
    state(
        "another zone", created_at=datetime(2026, 3, 1, 12, 0, 0, 1, tzinfo=timezone(timedelta(hours=5, minutes=30)))
    ),
    state("no digest", digest=b""),
    state("tombstone", None, digest=b"", edits=("deletion",)),
    state("tombstone of nothing", None, digest=b"", created_at=None),
]
