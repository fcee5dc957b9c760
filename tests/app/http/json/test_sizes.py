"""Fields that take long to decode are refused before, on both sides of each limit; what is allowed never is."""

import json

import pytest

from app.http.json.body import decode
from app.http.json.sizes import MAX_FIELD_VALUES, MAX_WHERE_BYTES, least_bytes
from app.http.remember_schemas import RememberRequest
from app.http.schemas import RecallRequest
from providers.errors import InvalidInput
from providers.json_limits import MAX_METADATA_BYTES
from providers.limits import MAX_CONTENT_CHARS

BLANKS = b" " * 200_000


def test_blanks_and_escapes_are_not_counted() -> None:
    """They take no room in what is stored."""
    assert least_bytes(b'{"a" : "\\u00e9\\u0041", \n\t"b": 1}') == len('{"a":"éA","b":1}')


def test_the_longest_content_may_be_written_in_escapes() -> None:
    """Each of its characters may take twelve bytes, and blanks may be around it."""
    body = b'{"content":"' + b"\\ud83d\\ude42" * MAX_CONTENT_CHARS + b'",' + BLANKS + b'"metadata":null}'

    assert decode(body, RememberRequest).content == "🙂" * MAX_CONTENT_CHARS


@pytest.mark.parametrize("char", ["é", "\\u00e9", "🙂"])
def test_content_far_too_long_is_not_decoded(char: str) -> None:
    """What is said of it is what is always said."""
    for chars in (MAX_CONTENT_CHARS + 1, 5 * MAX_CONTENT_CHARS):
        with pytest.raises(InvalidInput, match=f"content: expected str of length <= {MAX_CONTENT_CHARS}"):
            decode(b'{"content":"' + char.encode() * chars + b'"}', RememberRequest)


def test_metadata_may_be_written_longer_than_they_are() -> None:
    """Up to four times, beside blanks; an integer of 4,300 digits takes too long for more of them to be read."""
    limit = 4 * MAX_METADATA_BYTES
    framed = b'{"content":"tea","metadata":' + BLANKS + b'{"a":"%s"}}'

    taken = decode(framed % (b"x" * (limit - len(b'{"a":""}'))), RememberRequest)
    with pytest.raises(InvalidInput, match=f"metadata: must be at most {MAX_METADATA_BYTES} bytes of JSON"):
        decode(framed % (b"x" * (limit + 1 - len(b'{"a":""}'))), RememberRequest)

    assert taken.metadata is not None


def test_a_condition_has_a_limit() -> None:
    """Its bytes are counted without blanks."""
    framed = b'{"query":"tea","where":' + BLANKS + b'{"op":"eq","field":"a","value":"%s"}}'
    room = MAX_WHERE_BYTES - len(b'{"op":"eq","field":"a","value":""}')

    taken = decode(framed % (b"x" * room), RecallRequest)
    with pytest.raises(InvalidInput, match=f"where: must be at most {MAX_WHERE_BYTES} bytes of JSON, blanks aside"):
        decode(framed % (b"x" * (room + 1)), RecallRequest)

    assert taken.where is not None


def test_fields_given_again_and_again_are_refused() -> None:
    """Each of them would be decoded, and the last one counts."""
    metadata = b'"metadata":{"a":[' + b",".join([b"1"] * 10_000) + b"]}"

    with pytest.raises(InvalidInput, match="body: must hold each field once"):
        decode(b'{"content":"tea",' + b",".join([metadata] * 10) + b"}", RememberRequest)
    assert decode(b'{"content":"tea",' + b",".join([metadata] * 3) + b"}", RememberRequest).content == "tea"


@pytest.mark.parametrize("name", ["x", "\\ud800"])
def test_an_unknown_field_is_named_before_others_are_decoded(name: str) -> None:
    """Unless its name is not to be quoted."""
    said = "x: is not a known field" if name == "x" else "body: must hold known fields alone"

    with pytest.raises(InvalidInput, match=said):
        decode(b'{"content":' + BLANKS + b'"tea","' + name.encode() + b'":1}', RememberRequest)


def test_many_values_are_refused_wherever_there_are_blanks() -> None:
    """The limit is that of the largest metadata."""
    framed = '{"content":"tea","metadata":' + BLANKS.decode() + '{"a":%s}}'

    taken = decode((framed % json.dumps([1] * (MAX_FIELD_VALUES - 2))).encode(), RememberRequest)
    with pytest.raises(InvalidInput, match=f"metadata: must hold at most {MAX_FIELD_VALUES} JSON values"):
        decode((framed % json.dumps([1] * MAX_FIELD_VALUES)).encode(), RememberRequest)

    assert taken.metadata == {"a": [1] * (MAX_FIELD_VALUES - 2)}
