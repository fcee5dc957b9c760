"""A body made to be dear is cheap: refused in few steps, in not much more memory than it takes itself.

Steps and bytes are counted, since seconds tell how fast this machine is.
"""

import pytest

from app.http.body_limit import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from providers.json_limits import MAX_METADATA_BYTES
from tests.support.api import ABSENT_ID, JSON, Api
from tests.support.watching import watched

REMEMBER = "/memory/remember"
RECALL = "/memory/recall"
REMEMBER_BATCH = "/memory/remember/batch"
RECALL_BATCH = "/memory/recall/batch"

# The first request of a process takes some thousand calls from the client's side to its answer, others fewer.
MOST_CALLS = 10_000
# Metadata and conditions of the most values there may be are walked through, once for each place that must know.
MOST_CALLS_OF_A_WALK = 30 * MAX_METADATA_BYTES
MOST_CALLS_OF_AN_ITEM = 500
# Copies of a body and of what an error says of it; characters beyond the basic ones take four bytes each.
MOST_COPIES = 6
# Half of the metadata are values at most: what they take is bounded, whatever the size of the body.
MOST_BYTES_BESIDE = 4 * MAX_BODY_BYTES
LONGEST_ANSWER = 5_000


def filled(before: bytes, piece: bytes, behind: bytes, size: int = MAX_BODY_BYTES) -> bytes:
    """As many pieces as there is room for, with commas between them."""
    pieces = (size - len(before) - len(behind)) // (len(piece) + 1)
    return before + ((piece + b",") * pieces)[:-1] + behind  # every process of a run makes them all


def named(before: bytes, behind: bytes, size: int = MAX_BODY_BYTES) -> bytes:
    """As many fields of different names as there is room for."""
    fields = (size - len(before) - len(behind)) // len(b'"x000000":0,')
    return before + b",".join(b'"x%06d":0' % number for number in range(fields)) + behind


METADATA = b'{"content":"tea","metadata":{"a":['
WHERE = b'{"query":"tea","where":'

MEMORIES = {
    "many values under a long name beside half a character": filled(
        b'{"content":"\\ud800","' + b"k" * 60_000 + b'":[', b"0", b"]}", 120_000
    ),
    "a long name of an unknown field": b'{"content":"tea","' + b"k" * 1_000_000 + b'":1}',
    "a long name of wide characters": b'{"content":"tea","' + "🙂".encode() * 250_000 + b'":1}',
    "a long name like an error": b'{"content":"tea","' + b" - at `$.a" * 100_000 + b'":1}',
    "many unknown fields": named(b'{"content":"tea",', b"}"),
    "many fields of metadata": named(b'{"content":"tea","metadata":{', b"}}"),
    "zeros": filled(METADATA, b"0", b"]}}"),
    "floats": filled(METADATA, b"1e308", b"]}}"),
    "short strings": filled(METADATA, b'"ab"', b"]}}"),
    "lists": filled(METADATA, b"[]", b"]}}"),
    "objects": filled(METADATA, b'{"":0}', b"]}}"),
    "towers": filled(METADATA, b"[" * 900 + b"]" * 900, b"]}}"),
    "lists before half a character": filled(METADATA, b"[]", b',"\\ud800"]}}'),
    "lists before a NaN": filled(METADATA, b"[]", b",NaN]}}"),
    "lists behind half a character": filled(b'{"content":"\\udfff","metadata":{"a":[', b"[]", b"]}}"),
    "as many lists as are looked at": filled(METADATA, b"[]", b"]}}", 140_000),
    "one field again and again": filled(b"{", b'"content":"\\ud800"', b"}"),
    "halves": b'{"content":"' + b"\\ud800" * 170_000 + b'"}',
    "whole characters in escapes": b'{"content":"' + b"\\ud83d\\ude42" * 85_000 + b'"}',
    "backslashes before half a character": b'{"content":"' + b"\\\\" * 500_000 + b'\\ud800"}',
    "half a character in a string without an end": b'{"content":"\\ud800' + b'\\"' * 500_000,
    "no UTF-8 at the end": b'{"content":"' + b"a" * 1_000_000 + b'\xff"}',
    "a long number": b'{"content":"tea","metadata":{"a":' + b"9" * 1_000_000 + b"}}",
    "long numbers": filled(METADATA, b"9" * 4_300, b"]}}"),
    "a deep tower": METADATA + b"[" * 500_000 + b"]" * 500_000 + b"]}}",
    "an open tower": METADATA + b"[" * 1_000_000,
    "a list as content": filled(b'{"content":[', b'"ab"', b"]}"),
}
QUESTIONS = {
    "a long operator": WHERE + b'{"op":"' + b"x" * 1_000_000 + b'"}}',
    "a long operator far inside": WHERE
    + b'{"op":"not","that":' * 900
    + b'{"op":"'
    + b"x" * 1_000_000
    + b'"}'
    + b"}" * 901,
    "many conditions": filled(WHERE + b'{"op":"and","all":[', b'{"op":"exists","field":"a"}', b"]}}"),
    "many steps": filled(WHERE + b'{"op":"exists","field":[', b'"ab"', b"]}}"),
    "many values": filled(WHERE + b'{"op":"in","field":"a","values":[', b"[]", b"]}}"),
    "a large value": filled(WHERE + b'{"op":"eq","field":"a","value":[', b"[]", b"]}}"),
    "a limit of many digits": b'{"query":"tea","limit":' + b"9" * 4_300 + b"}",
}


@pytest.mark.thorough
@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in MEMORIES.items()])
async def test_a_memory_is_refused_cheaply(mock_api: Api, body: bytes) -> None:
    """Alone, or as a change of another with an `Idempotency-Key`, which makes an id of what is sent."""
    for method, path, key in (("POST", REMEMBER, None), ("PATCH", f"/memory/memories/{ABSENT_ID}", "key")):
        async with watched() as watch:
            response = await mock_api.request(method, path, content=body, headers=JSON, key=key)

        assert response.status_code in {400, 422}
        assert len(response.content) < LONGEST_ANSWER
        assert watch.longest_stall < MOST_CALLS
        assert watch.peak < MOST_COPIES * len(body) + MOST_BYTES_BESIDE


@pytest.mark.thorough
@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in QUESTIONS.items()])
async def test_a_question_is_refused_cheaply(mock_api: Api, body: bytes) -> None:
    """However its condition is made."""
    async with watched() as watch:
        response = await mock_api.send("POST", RECALL, body)

    assert response.status_code in {400, 422}
    assert len(response.content) < LONGEST_ANSWER
    assert watch.longest_stall < MOST_CALLS
    assert watch.peak < MOST_COPIES * len(body) + MOST_BYTES_BESIDE


WALKS = {
    "metadata": (REMEMBER, filled(METADATA, b"0", b"]}}", MAX_METADATA_BYTES + 20)),
    "floats in metadata": (REMEMBER, filled(METADATA, b"1e308", b"]}}", MAX_METADATA_BYTES // 40)),
    "metadata too large": (REMEMBER, filled(METADATA, b"0.0", b"]}}", 60_000)),
    "a large value": (RECALL, filled(WHERE + b'{"op":"eq","field":"a","value":[', b"0", b"]}}", 32_000)),
    "large values in many conditions": (
        RECALL,
        filled(
            WHERE + b'{"op":"or","any":[',
            filled(b'{"op":"eq","field":"a","value":[', b"0", b"]}", 9_000),
            b"]}}",
            MAX_BODY_BYTES // 2,
        ),
    ),
}


@pytest.mark.thorough
@pytest.mark.parametrize(("path", "body"), [pytest.param(*case, id=name) for name, case in WALKS.items()])
async def test_a_walk_has_an_end(mock_api: Api, path: str, body: bytes) -> None:
    """What may be, or is only just too large, is looked through without holding up everybody else for long."""
    async with watched() as watch:
        response = await mock_api.send("POST", path, body)

    assert response.status_code in {200, 422}
    assert watch.longest_stall < MOST_CALLS_OF_A_WALK
    assert watch.peak < MOST_COPIES * len(body) + MOST_BYTES_BESIDE


def batch_of(item: bytes) -> bytes:
    """A batch of a thousand of an item."""
    return b'{"memories":[' + b",".join([item] * 1_000) + b"]}"


ITEM_BYTES = 16_500
BATCHES = {
    "zeros": filled(b'{"memories":[', b"0", b"]}", MAX_BATCH_BODY_BYTES),
    "objects without an end": filled(b'{"memories":[', b'{"content":', b"", MAX_BATCH_BODY_BYTES),
    "one of all bytes": filled(b'{"memories":[{"content":"\\ud800","kkk":[', b"[]", b"]}]}", MAX_BATCH_BODY_BYTES),
    "lists in each": batch_of(filled(METADATA, b"[]", b"]}}", ITEM_BYTES)),
    "halves in each": batch_of(filled(METADATA, b'"\\ud800"', b"]}}", ITEM_BYTES)),
    "zeros before half a character in each": batch_of(filled(METADATA, b"0", b',"\\ud800"]}}', ITEM_BYTES)),
    "a long name in each": batch_of(b'{"content":"tea","' + b"k" * ITEM_BYTES + b'":1}'),
    "a tower in each": batch_of(METADATA + b"[" * 8_000 + b"]" * 8_000 + b"]}}"),
    "a number in each": batch_of(b'{"content":' + b"9" * 4_300 + b"}"),
    "a long name of a field": b'{"' + b"k" * (MAX_BATCH_BODY_BYTES - 100) + b'":1}',
    "a string without an end": b'{"memories":[{"content":"\\ud800' + b'\\"' * 8_000_000,
    "a tower without an end": b'{"memories":[' + b"[" * 16_000_000,
    "lists before a NaN": filled(b'{"memories":[{"content":"\\ud800"},{"kkk":[', b"[]", b",NaN]}]}"),
}


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in BATCHES.items()])
@pytest.mark.thorough
async def test_a_batch_is_refused_cheaply(mock_api: Api, body: bytes) -> None:
    """Whole or item by item; a batch may take more steps, since it has more to answer."""
    async with watched() as watch:
        response = await mock_api.send("POST", REMEMBER_BATCH, body)

    assert len(body) <= MAX_BATCH_BODY_BYTES
    assert response.status_code in {200, 400, 422}
    assert len(response.content) < 1_000 * LONGEST_ANSWER
    assert watch.longest_stall < 1_000 * MOST_CALLS_OF_AN_ITEM
    assert watch.peak < MOST_COPIES * len(body) + MOST_BYTES_BESIDE


@pytest.mark.thorough
async def test_the_watch_sees_what_is_dear(mock_api: Api) -> None:
    """What these tests count grows with what is done: a batch costs more than one, and a larger body more bytes."""
    costs = []
    for items in (1, 1_000):
        body = b'{"memories":[' + b",".join([b'{"content":"' + b"a" * 1_000 + b'"}'] * items) + b"]}"
        async with watched() as watch:
            await mock_api.send("POST", REMEMBER_BATCH, body)
        costs.append((watch.longest_stall, watch.peak))

    assert costs[1][0] > 2 * costs[0][0]  # the event loop has turns in between
    assert costs[1][1] > 10 * costs[0][1]
