"""One item of a batch that is not as it must be fails alone, whatever is wrong with it."""

from typing import Any

import pytest

from app.http.body_limit import MAX_BODY_BYTES
from app.http.json.batch import MAX_BATCH_VALUES
from tests.support.api import Api

REMEMBER = "/memory/remember"
REMEMBER_BATCH = "/memory/remember/batch"
RECALL_BATCH = "/memory/recall/batch"

HALF = {
    "half an emoji": (b'{"@":"\\ud83d"}', "@"),
    "the other half": (b'{"@":"tea \\ude42"}', "@"),
    "nothing but halves": (b'{"@":"' + b"\\ud83d" * 5_000 + b'"}', "@"),
    "half an emoji in bytes": (b'{"@":"\xf0\x9f"}', "item"),
    "a half in bytes": (b'{"@":"\xed\xa0\x80"}', "item"),
    "half an emoji in an unknown field": (b'{"@":"tea","x":"\\ud83d"}', "x"),
    "half an emoji as the name of a field": (b'{"@":"tea","\\ud83d":1}', "item"),
    "half of an escape": (b'{"@":"\\u00"}', "item"),
}
WRONG = {
    "nothing": (b"{}", "@"),
    "a string": (b'"tea"', "item"),
    "a number": (b"1", "item"),
    "null": (b"null", "item"),
    "a list": (b'[{"@":"tea"}]', "item"),
    "a number as text": (b'{"@":1}', "@"),
    "null as text": (b'{"@":null}', "@"),
    "an empty text": (b'{"@":""}', "@"),
    "a blank text": (b'{"@":" "}', "@"),
    "a text too long": (b'{"@":"' + b"x" * 32_001 + b'"}', "@"),
    "an unknown field": (b'{"@":"tea","x":1}', "x"),
    "an unknown field with a long name": (b'{"@":"tea","' + b"x" * 9_000 + b'":1}', "x" * 200 + "..."),
    "many unknown fields": (b'{"@":"tea",' + b",".join(b'"x%d":1' % number for number in range(5_000)) + b"}", "x0"),
    "too many levels": (b'{"x":' + b"[" * 5_000 + b"]" * 5_000 + b"}", "x"),
}
WRONG_MEMORIES = {
    "list as metadata": (b'{"content":"tea","metadata":[]}', "metadata"),
    "metadata too large": (b'{"content":"tea","metadata":{"a":"' + b"x" * 16_384 + b'"}}', "metadata"),
    "metadata of too many values": (b'{"content":"tea","metadata":{"a":[' + b"0," * 50_000 + b"0]}}", "metadata"),
    "33 levels": (b'{"content":"tea","metadata":{"a":' + b"[" * 32 + b"]" * 32 + b"}}", "metadata"),
    "5,000 levels": (b'{"content":"tea","metadata":{"a":' + b"[" * 5_000 + b"]" * 5_000 + b"}}", "metadata"),
    "half an emoji": (b'{"content":"tea","metadata":{"tags":["a","\\ud83d"]}}', "metadata.tags[1]"),
    "half an emoji as a key": (b'{"content":"tea","metadata":{"tags":{"\\ud83d":1}}}', "metadata.tags"),
    "5,000 digits": (b'{"content":"tea","metadata":{"a":' + b"9" * 5_000 + b"}}", "metadata"),
    "1e400": (b'{"content":"tea","metadata":{"a":1e400}}', "metadata"),
}
WRONG_QUESTIONS = {
    "limit 0": (b'{"query":"tea","limit":0}', "limit"),
    "limit of 4,000 digits": (b'{"query":"tea","limit":' + b"9" * 4_000 + b"}", "limit"),
    "limit '10'": (b'{"query":"tea","limit":"10"}', "limit"),
    "score 1.5": (b'{"query":"tea","min_score":1.5}', "min_score"),
    "no moment": (b'{"query":"tea","created_from":"yesterday"}', "created_from"),
    "unknown operator": (b'{"query":"tea","where":{"op":"' + b"x" * 9_000 + b'"}}', "where.op"),
    "9 levels": (
        b'{"query":"tea","where":' + b'{"op":"not","that":' * 8 + b'{"op":"exists","field":"a"}' + b"}" * 9,
        "where",
    ),
    "half an emoji": (b'{"query":"tea","where":{"op":"eq","field":"a","value":["\\ud83d"]}}', "where.value[0]"),
    "too many values": (
        b'{"query":"tea","where":{"op":"eq","field":"a","value":[' + b"0," * 16_384 + b"0]}}",
        "where",
    ),
}


def cases(text: str, *tables: dict[str, tuple[bytes, str]]) -> list[Any]:
    """The cases of some tables, with the name of the field that holds the text in place of `@`."""
    return [
        pytest.param(item.replace(b"@", text.encode()), field.replace("@", text), id=name)
        for table in tables
        for name, (item, field) in table.items()
    ]


def problem_with(results: list[dict[str, Any]], place: int) -> tuple[str, ...]:
    """The fields that the problem of one item names, after checking that it is said shortly."""
    result = results[place]
    assert result["status"] == "failed"
    assert len(str(result)) < 2_000
    assert result["problem"]["status"] in {400, 413, 422}
    return tuple(error["field"] for error in result["problem"]["errors"])


@pytest.mark.parametrize(("bad", "field"), cases("content", HALF, WRONG, WRONG_MEMORIES))
async def test_a_wrong_memory_fails_alone(either: Api, bad: bytes, field: str) -> None:
    """The memories before and behind it are stored, and its problem names what is wrong."""
    response = await either.send(
        "POST", REMEMBER_BATCH, b'{"memories":[{"content":"caf\\u00e9 \\\\ud83d"},' + bad + b',{"content":"last"}]}'
    )

    body = response.json()
    assert (response.status_code, body["stored"], body["failed"]) == (200, 2, 1)
    assert [result["status"] for result in body["results"]] == ["stored", "failed", "stored"]
    assert problem_with(body["results"], 1) == (field,)
    assert sorted(await either.contents()) == ["café \\ud83d", "last"]


@pytest.mark.parametrize(("bad", "field"), cases("query", HALF, WRONG, WRONG_QUESTIONS))
async def test_a_wrong_question_fails_alone(either: Api, bad: bytes, field: str) -> None:
    """The questions before and behind it are answered, and its problem names what is wrong."""
    await either.stored("café tea")

    response = await either.send(
        "POST", RECALL_BATCH, b'{"queries":[{"query":"caf\\u00e9"},' + bad + b',{"query":"tea"}]}'
    )

    body = response.json()
    assert (response.status_code, body["answered"], body["failed"]) == (200, 2, 1)
    assert [result.get("count") for result in body["results"]] == [1, None, 1]
    assert problem_with(body["results"], 1) == (field,)


async def test_it_fails_alone_among_a_thousand(api: Api) -> None:
    """Half an emoji in the midst of the largest batch costs one memory."""
    items = [b'{"content":"memory \\u00e4 %d"}' % number for number in range(1_000)]
    items[500] = b'{"content":"\\ud83d"}'

    response = await api.send("POST", REMEMBER_BATCH, b'{"memories":[' + b",".join(items) + b"]}")

    body = response.json()
    assert (response.status_code, body["stored"], body["failed"]) == (200, 999, 1)
    assert problem_with(body["results"], 500) == ("content",)


@pytest.mark.parametrize(("path", "field"), [(REMEMBER_BATCH, "memories"), (RECALL_BATCH, "queries")])
async def test_every_item_may_be_wrong(either: Api, path: str, field: str) -> None:
    """A batch of nothing but problems is answered like every other."""
    response = await either.send("POST", path, b'{"' + field.encode() + b'":[1,{},{"x":"\\ud83d"}]}')

    body = response.json()
    assert (response.status_code, body["failed"], len(body["results"])) == (200, 3, 3)
    assert {result["status"] for result in body["results"]} == {"failed"}
    assert {result["problem"]["request_id"] for result in body["results"]} == {response.headers["x-request-id"]}


async def test_a_repeated_batch_stores_what_was_mended(either: Api) -> None:
    """With an `Idempotency-Key` each memory is known by its place, whatever failed before it."""
    bad = {"memories": [{"content": 1}, {"content": "second"}]}
    mended = {"memories": [{"content": "first"}, {"content": "second"}]}

    first = await either.request("POST", REMEMBER_BATCH, key="k", json=bad)
    second = await either.request("POST", REMEMBER_BATCH, key="k", json=mended)

    ids = [result.get("memory_id") for result in (first.json()["results"] + second.json()["results"])]
    assert (ids[0], second.json()["stored"]) == (None, 2)
    assert ids[1] == ids[3]
    assert sorted(await either.contents()) == ["first", "second"]


@pytest.mark.parametrize(("size", "status"), [(MAX_BODY_BYTES, "stored"), (MAX_BODY_BYTES + 1, "failed")])
async def test_an_item_is_no_larger_than_a_single_request(mock_api: Api, size: int, status: str) -> None:
    """The limit of a single body holds for one item, and whoever exceeds it fails alone."""
    large = b'{"content":"large"' + b" " * (size - len(b'{"content":"large"}')) + b"}"

    response = await mock_api.send("POST", REMEMBER_BATCH, b'{"memories":[' + large + b',{"content":"small"}]}')

    assert [result["status"] for result in response.json()["results"]] == [status, "stored"]
    if status == "failed":
        assert problem_with(response.json()["results"], 0) == ("item",)


def with_values(count: int) -> bytes:
    """A memory of so many JSON values, itself included."""
    return b'{"content":"a, [b], {c}","metadata":{"a":[' + b",".join([b"0"] * (count - 3)) + b"]}}"


@pytest.mark.parametrize(("more", "last"), [(0, "stored"), (1, "failed")])
async def test_a_batch_has_a_limit_of_values(mock_api: Api, more: int, last: str) -> None:
    """The item that exceeds the limit fails, what is in texts is not counted, and a small one still has room."""
    count = MAX_BATCH_VALUES // 20
    items = [with_values(count)] * 19 + [with_values(count + more)]
    small = b'{"content":"small"}'
    whole = b'{"memories":[' + b",".join([*items, small] if more else items) + b"]}"

    response = await mock_api.send("POST", REMEMBER_BATCH, whole)

    results = response.json()["results"]
    assert [result["status"] for result in results[:20]] == ["stored"] * 19 + [last]
    if more:
        assert problem_with(results, 19) == ("item",)
        assert results[20]["status"] == "stored"


@pytest.mark.parametrize("item", [b'"\\ud83d"', b'["\\ud83d"]', b'"\\ud83d\\ude42"'])
async def test_text_that_is_no_memory_is_told_so(mock_api: Api, item: bytes) -> None:
    """Half an emoji in it does not make it something else than JSON of the wrong kind."""
    batch = await mock_api.send("POST", REMEMBER_BATCH, b'{"memories":[{"content":"tea"},' + item + b"]}")
    single = await mock_api.send("POST", REMEMBER, item)

    [stored, failed] = batch.json()["results"]
    assert stored["status"] == "stored"
    assert failed["problem"]["detail"].startswith("item: expected object")
    assert (single.status_code, single.json()["detail"].split(", ")[0]) == (422, "body: expected object")


@pytest.mark.parametrize("item", [b'{"content":NaN}', b'{"content":"coffee",}', b'{"content":"\\q"}', b'{"content":"'])
async def test_what_is_no_json_is_no_batch(mock_api: Api, item: bytes) -> None:
    """Where an item ends cannot be told of what is not JSON, so that none is stored."""
    response = await mock_api.send("POST", REMEMBER_BATCH, b'{"memories":[{"content":"tea"},' + item + b"]}")

    assert response.status_code == 400
    assert await mock_api.contents() == []
