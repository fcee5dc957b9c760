"""The text of a state says everything about it, also to a version that knows other fields."""

import json
from datetime import UTC, datetime
from uuid import UUID

import msgspec
import pytest
from msgspec.structs import replace

from providers.replica_limits import check_snapshot
from providers.states.codec import decode, encode
from providers.states.editing import tombstone_for
from providers.types import Snapshot
from tests.providers.journal.states import MOMENT, STATES, state


class NewerSnapshot(Snapshot, frozen=True, kw_only=True):
    """A state with a field that this version does not know."""

    fades_at: datetime | None = None
    labels: dict[str, int] = {}  # noqa: RUF012 - msgspec copies it


@pytest.mark.parametrize("one", STATES, ids=lambda one: one.id)
def test_a_state_comes_out_as_it_went_in(one: Snapshot) -> None:
    """Exactly, and its moments in UTC."""
    read = decode(encode(one))

    assert read == one
    assert repr(read.metadata) == repr(one.metadata)
    assert {moment.tzinfo for moment in (read.created_at, read.updated_at) if moment is not None} <= {UTC}


def test_a_version_keeps_what_a_newer_one_has_written() -> None:
    """It reads what it knows, and writes the rest again as it was, also after an edit."""
    newer = NewerSnapshot(
        user_id="u", id="m", version=1, content="tea", metadata={"a": 10**4_299}, fades_at=MOMENT, labels={"a": 1}
    )

    read = decode(encode(newer))
    edited = replace(read, content="coffee", version=2)

    known = Snapshot(user_id="u", id="m", version=1, content="tea", metadata={"a": 10**4_299})
    assert replace(read, unknown="") == known
    assert decode(encode(read)) == read
    assert msgspec.convert(json.loads(encode(read)), NewerSnapshot) == newer
    assert msgspec.convert(json.loads(encode(edited)), NewerSnapshot) == replace(newer, content="coffee", version=2)


VALUES = ["null", "-1e400", str(-(10**4_299)), '{"unknown": "\\ud83d\\ude00 \\u0000"}', "[[]]"]


@pytest.mark.parametrize("value", VALUES, ids=range(len(VALUES)))
def test_whatever_a_field_holds_is_kept_letter_by_letter(value: str) -> None:
    """Also what this program could not read."""
    text = encode(state("m"))[:-1] + f',"newer":{value},"other":{value}}}'

    read = decode(text)

    assert read.unknown == f'{{"newer":{value},"other":{value}}}'
    assert encode(read) == text


def test_a_tombstone_has_no_unknown_fields() -> None:
    """A deletion drops them with the content."""
    read = decode(encode(state("m"))[:-1] + ',"newer":1}')

    assert tombstone_for(read, 2).unknown == ""
    stored = check_snapshot(Snapshot(user_id="u", id=str(UUID(int=1)), version=1, content=None, unknown='{"newer":1}'))
    assert stored.unknown == ""


def test_what_cannot_be_read_is_an_error() -> None:
    """A text that breaks off, or a field of another type."""
    for text in ('{"user_id":"u"', '{"user_id":1,"id":"m","version":1,"content":null}', "[]"):
        with pytest.raises(msgspec.DecodeError):
            decode(text)


def test_a_new_field_is_in_the_text() -> None:
    """The codec names no field."""
    newer = NewerSnapshot(user_id="u", id="m", version=1, content="tea", fades_at=MOMENT)

    assert msgspec.json.decode(encode(newer), type=NewerSnapshot) == newer


def test_a_field_at_its_default_is_left_out() -> None:
    """A tombstone is short."""
    text = encode(state("m", None, digest=b"", created_at=None))

    assert set(msgspec.json.decode(text)) == {"user_id", "id", "version", "content"}
