"""The text of a state says everything about it, also to a version that knows other fields."""

from datetime import UTC, datetime

import msgspec
import pytest

from providers.journal.codec import decode, encode
from providers.types import Snapshot
from tests.providers.journal.states import MOMENT, STATES, state


class NewerSnapshot(Snapshot, frozen=True, kw_only=True):
    """A state with a field that this version does not know."""

    expires_at: datetime | None = None
    labels: dict[str, int] = {}  # noqa: RUF012 - msgspec copies it


@pytest.mark.parametrize("one", STATES, ids=lambda one: one.id)
def test_a_state_comes_out_as_it_went_in(one: Snapshot) -> None:
    """Exactly, and its moments in UTC."""
    read = decode(encode(one))

    assert read == one
    assert repr(read.metadata) == repr(one.metadata)
    assert {moment.tzinfo for moment in (read.created_at, read.updated_at) if moment is not None} <= {UTC}


def test_a_version_reads_what_a_newer_one_has_written() -> None:
    """It passes over the fields that it does not know, whatever is in them, and loses none that it knows."""
    newer = NewerSnapshot(
        user_id="u", id="m", version=1, content="tea", metadata={"a": 10**4_299}, expires_at=MOMENT, labels={"a": 1}
    )

    assert decode(encode(newer)) == Snapshot(user_id="u", id="m", version=1, content="tea", metadata={"a": 10**4_299})


def test_a_new_field_is_in_the_text() -> None:
    """The codec names no field."""
    newer = NewerSnapshot(user_id="u", id="m", version=1, content="tea", expires_at=MOMENT)

    assert msgspec.json.decode(encode(newer), type=NewerSnapshot) == newer


def test_a_field_at_its_default_is_left_out() -> None:
    """A tombstone is short."""
    text = encode(state("m", None, digest=b"", created_at=None))

    assert set(msgspec.json.decode(text)) == {"user_id", "id", "version", "content"}
