"""Whatever is sent, the answer is a problem that names the field, and nothing is stored."""

import json
from collections.abc import AsyncIterator

import httpx
import msgspec
import pytest
from litestar import Litestar

from observability.http import Message
from tests.support.api import ABSENT_ID, JSON, Api, field_in, problem_in

REMEMBER = "/memory/remember"
RECALL = "/memory/recall"
REMEMBER_BATCH = "/memory/remember/batch"
RECALL_BATCH = "/memory/recall/batch"

MIB = 1024 * 1024
MANY_DIGITS = b"9" * 5000


def nested(levels: int) -> bytes:
    """JSON arrays inside each other."""
    return b"[" * levels + b"]" * levels


def negated(levels: int) -> bytes:
    """A condition on the metadata so many levels deep."""
    return b'{"op":"not","that":' * (levels - 1) + b'{"op":"exists","field":"a"}' + b"}" * (levels - 1)


def with_metadata(metadata: bytes) -> bytes:
    """A memory with this metadata."""
    return b'{"content":"tea","metadata":' + metadata + b"}"


def with_condition(where: bytes) -> bytes:
    """A question with this condition."""
    return b'{"query":"tea","where":' + where + b"}"


def asking(rest: bytes) -> bytes:
    """A question with something else beside it."""
    return b'{"query":"tea",' + rest + b"}"


def wide(conditions: int) -> bytes:
    """So many conditions, joined."""
    return b'{"op":"or","any":[' + b",".join([b'{"op":"exists","field":"a"}'] * conditions) + b"]}"


def short(fields: int) -> bytes:
    """So many conditions in the short form."""
    return json.dumps(dict.fromkeys(map(str, range(fields)), 1)).encode()


MALFORMED = {
    "truncated": b'{"content":"tea"',
    "trailing text": b'{"content":"tea"} x',
    "two objects": b'{"content":"tea"}{"content":"tea"}',
    "trailing comma": b'{"content":"tea",}',
    "no quotes": b"{content:tea}",
    "raw newline": b'{"content":"a\nb"}',
    "number as key": with_metadata(b"{1:2}"),
    "NaN": with_metadata(b'{"a":NaN}'),
    "Infinity": with_metadata(b'{"a":Infinity}'),
    "only spaces": b"  ",
    "two byte order marks": b'\xef\xbb\xbf\xef\xbb\xbf{"content":"tea"}',
    "a part of a byte order mark": b'\xef\xbb{"content":"tea"}',
    "UTF-16": '{"content":"tea"}'.encode("utf-16"),
    "no UTF-8": b'{"content":"\xff"}',
    "surrogates in UTF-8": b'{"content":"\xed\xa0\x80"}',
    "form": b"content=tea",
    "NUL": b"\0",
}

WRONG_MEMORIES = {
    "empty body": (b"", "body"),
    "array": (b'[{"content":"tea"}]', "body"),
    "null": (b"null", "body"),
    "string": (b'"tea"', "body"),
    "number": (b"1", "body"),
    "no content": (b"{}", "content"),
    "empty content": (b'{"content":""}', "content"),
    "blank content": (b'{"content":" \\n\\t\\u00a0"}', "content"),
    "null content": (b'{"content":null}', "content"),
    "number as content": (b'{"content":1}', "content"),
    "list as content": (b'{"content":["tea"]}', "content"),
    "32,001 characters": (b'{"content":"' + b"x" * 32_001 + b'"}', "content"),
    "32,001 wide characters": (b'{"content":"' + "🙂".encode() * 32_001 + b'"}', "content"),
    "NUL in content": (b'{"content":"a\\u0000b"}', "content"),
    "surrogate in content": (b'{"content":"\\ud800"}', "content"),
    "surrogates in the wrong order": (b'{"content":"\\ude00\\ud83d"}', "content"),
    "unknown field": (b'{"content":"tea","x":1}', "x"),
    "unknown field with a long name": (b'{"content":"tea","' + b"x" * 9_000 + b'":1}', "x" * 200 + "..."),
    "unknown field with quotes": (b'{"content":"tea","`\\n - at `$.content`":1}', "body"),
    "other capitals": (b'{"Content":"tea"}', "Content"),
    "list as metadata": (with_metadata(b"[]"), "metadata"),
    "string as metadata": (with_metadata(b'"a"'), "metadata"),
    "false as metadata": (with_metadata(b"false"), "metadata"),
    "16,385 bytes": (with_metadata(b'{"a":"' + b"x" * 16_377 + b'"}'), "metadata"),
    "16,385 bytes of wide characters": (with_metadata(b'{"a":"x' + "é".encode() * 8_188 + b'"}'), "metadata"),
    "33 levels": (with_metadata(b'{"a":' + nested(32) + b"}"), "metadata"),
    "5,000 levels": (with_metadata(b'{"a":' + nested(5_000) + b"}"), "body"),
    "5,000 open levels": (with_metadata(b'{"a":' + b"[" * 5_000), "body"),
    "NUL in a value": (with_metadata(b'{"a":["\\u0000"]}'), "metadata"),
    "NUL in a key": (with_metadata(b'{"a":{"\\u0000":1}}'), "metadata"),
    "surrogate in a value": (with_metadata(b'{"a":["b","\\udfff"]}'), "metadata.a[1]"),
    "surrogate in a key": (with_metadata(b'{"a":{"\\ud800":1}}'), "metadata.a"),
    "surrogate below a surrogate": (with_metadata(b'{"\\ud800":{"\\ud800":1}}'), "metadata"),
    "surrogate in an unknown field": (b'{"content":"tea","\\ud800":1}', "body"),
    "integer of 5,000 digits": (with_metadata(b'{"a":' + MANY_DIGITS + b"}"), "metadata"),
    "integer of 4,301 digits": (with_metadata(b'{"a":[-1' + b"0" * 4_300 + b"]}"), "metadata"),
    "1e400": (with_metadata(b'{"a":1e400}'), "metadata"),
    "-1e400": (with_metadata(b'{"a":[-1e400]}'), "metadata"),
}

WRONG_QUESTIONS = {
    "no query": (b"{}", "query"),
    "empty query": (b'{"query":""}', "query"),
    "blank query": (b'{"query":" "}', "query"),
    "number as query": (b'{"query":1}', "query"),
    "32,001 characters": (b'{"query":"' + b"x" * 32_001 + b'"}', "query"),
    "NUL in the query": (b'{"query":"a\\u0000"}', "query"),
    "surrogate in the query": (b'{"query":"\\ud800"}', "query"),
    "unknown field": (asking(b'"created_to":"2024-01-01T00:00:00Z"'), "created_to"),
    "limit 0": (asking(b'"limit":0'), "limit"),
    "limit 1001": (asking(b'"limit":1001'), "limit"),
    "limit -1": (asking(b'"limit":-1'), "limit"),
    "limit '10'": (asking(b'"limit":"10"'), "limit"),
    "limit 'ten'": (asking(b'"limit":"ten"'), "limit"),
    "limit 1.5": (asking(b'"limit":1.5'), "limit"),
    "limit 1.0": (asking(b'"limit":1.0'), "limit"),
    "limit null": (asking(b'"limit":null'), "limit"),
    "limit true": (asking(b'"limit":true'), "limit"),
    "limit list": (asking(b'"limit":[10]'), "limit"),
    "limit of 20 digits": (asking(b'"limit":' + b"9" * 20), "limit"),
    "limit of 5,000 digits": (asking(b'"limit":' + MANY_DIGITS), "limit"),
    "score 1.0001": (asking(b'"min_score":1.0001'), "min_score"),
    "score -0.1": (asking(b'"min_score":-0.1'), "min_score"),
    "score 1e400": (asking(b'"min_score":1e400'), "min_score"),
    "score '0.5'": (asking(b'"min_score":"0.5"'), "min_score"),
    "score null": (asking(b'"min_score":null'), "min_score"),
    "score true": (asking(b'"min_score":true'), "min_score"),
    "no zone": (asking(b'"created_from":"2024-01-01T00:00:00"'), "created_from"),
    "date alone": (asking(b'"created_from":"2024-01-01"'), "created_from"),
    "text as moment": (asking(b'"created_before":"yesterday"'), "created_before"),
    "empty moment": (asking(b'"created_before":""'), "created_before"),
    "number as moment": (asking(b'"created_from":1700000000'), "created_from"),
    "February 30": (asking(b'"created_from":"2024-02-30T00:00:00Z"'), "created_from"),
    "before the year 1": (asking(b'"created_from":"0001-01-01T00:00:00+23:59"'), "created_from"),
    "after the year 9999": (asking(b'"created_before":"9999-12-31T23:59:59-23:59"'), "created_before"),
    "list as condition": (with_condition(b"[]"), "where"),
    "string as condition": (with_condition(b'"a"'), "where"),
    "no operator": (with_condition(b"{}"), "where"),
    "unknown operator": (with_condition(b'{"op":"xor"}'), "where.op"),
    "number as operator": (with_condition(b'{"op":1}'), "where.op"),
    "two operators": (with_condition(b'{"op":"eq","field":"a","op":"ne","value":1}'), "where.op"),
    "no field": (with_condition(b'{"op":"eq","value":1}'), "where.field"),
    "no value": (with_condition(b'{"op":"eq","field":"a"}'), "where.value"),
    "number as field": (with_condition(b'{"op":"eq","field":1,"value":1}'), "where.field"),
    "no steps": (with_condition(b'{"op":"exists","field":[]}'), "where.field"),
    "33 steps": (with_condition(b'{"op":"exists","field":' + json.dumps(["a"] * 33).encode() + b"}"), "where.field"),
    "comparison with true": (with_condition(b'{"op":"gt","field":"a","value":true}'), "where.value"),
    "comparison with null": (with_condition(b'{"op":"lte","field":"a","value":null}'), "where.value"),
    "unknown field of a condition": (
        with_condition(b'{"op":"not","that":{"op":"and","all":[{"op":"exists","field":"a","x":1}]}}'),
        "where.that.all[0].x",
    ),
    "0 values": (with_condition(b'{"op":"in","field":"a","values":[]}'), "where.values"),
    "101 values": (
        with_condition(b'{"op":"in","field":"a","values":' + json.dumps([1] * 101).encode() + b"}"),
        "where.values",
    ),
    "0 conditions": (with_condition(b'{"op":"and","all":[]}'), "where.all"),
    "9 levels": (with_condition(negated(9)), "where"),
    "5,000 levels": (with_condition(negated(5_000)), "body"),
    "65 conditions": (with_condition(wide(65)), "where.any"),
    "65 conditions in two lists": (
        with_condition(b'{"op":"and","all":[' + wide(32) + b"," + wide(33) + b"]}"),
        "where",
    ),
    "65 fields": (with_condition(short(65)), "where"),
    "65 fields inside": (with_condition(b'{"op":"not","that":' + short(65) + b"}"), "where"),
    "NUL in a field": (with_condition(b'{"op":"exists","field":"\\u0000"}'), "where"),
    "NUL in a value": (with_condition(b'{"op":"eq","field":"a","value":{"b":"\\u0000"}}'), "where"),
    "surrogate in a value": (with_condition(b'{"op":"eq","field":"a","value":"\\ud800"}'), "where.value"),
    "value of 5,000 digits": (with_condition(b'{"op":"eq","field":"a","value":' + MANY_DIGITS + b"}"), "where.value"),
    "value 1e400": (with_condition(b'{"op":"lt","field":"a","value":1e400}'), "where.value"),
    "value of 33 levels": (with_condition(b'{"op":"eq","field":"a","value":' + nested(33) + b"}"), "where"),
}

WRONG_BATCHES = {
    "no list": (b"{}", "memories"),
    "null": (b'{"memories":null}', "memories"),
    "object": (b'{"memories":{"content":"tea"}}', "memories"),
    "no memory": (b'{"memories":[]}', "memories"),
    "no object": (b'[{"content":"tea"}]', "body"),
    "unknown field": (b'{"memories":[{"content":"tea"}],"x":1}', "x"),
    "surrogate in an unknown field": (b'{"memories":[{"content":"tea"}],"\\ud800":1}', "body"),
    "surrogate beside many values": (b'{"memories":[{"x":[' + b"0," * 60_000 + b'0]}],"\\ud800":1}', "body"),
    "no object of many values": (b"[" + b"0," * 60_000 + b"0]", "body"),
}

WRONG_EDITS = {
    "array": (b"[]", "body"),
    "empty body": (b"", "body"),
    "null content": (b'{"content":null}', "content"),
    "empty content": (b'{"content":""}', "content"),
    "blank content": (b'{"content":" "}', "content"),
    "32,001 characters": (b'{"content":"' + b"x" * 32_001 + b'"}', "content"),
    "NUL": (b'{"content":"\\u0000"}', "content"),
    "list as metadata": (b'{"metadata":[]}', "metadata"),
    "33 levels": (b'{"metadata":{"a":' + nested(32) + b"}}", "metadata"),
    "unknown field": (b'{"content":"coffee","id":"x"}', "id"),
}

WRONG_PAGES = {
    "limit=0": "limit",
    "limit=101": "limit",
    "limit=-1": "limit",
    "limit=ten": "limit",
    "limit=1.5": "limit",
    "limit=": "limit",
    "limit=null": "limit",
    "limit=true": "limit",
    "limit=10&limit=11": "limit",
    "limit=99999999999999999999": "limit",
    f"limit={'9' * 5000}": "limit",
    "limit=%00": "limit",
    "limit=%FF": "limit",
    "limit=1_0": "limit",
    "limit=%201": "limit",
    "limit=%D9%A1": "limit",
    "offset=-1": "offset",
    "offset=100001": "offset",
    "offset=x": "offset",
    "cursor=": "cursor",
    "cursor=x": "cursor",
    "cursor=%00": "cursor",
    "cursor=%ED%A0%80": "cursor",
    "cursor=ä": "cursor",
    "cursor=gA": "cursor",
    "cursor=kA": "cursor",
    f"cursor={'A' * 512}": "cursor",
    f"cursor={'A' * 513}": "cursor",
    "size=10": "size",
    "Limit=10": "Limit",
    "x": "x",
}


@pytest.fixture
async def unchanged(either: Api) -> AsyncIterator[Api]:
    """A client whose user has one memory, and has the same one after the test."""
    memory_id = await either.stored("the only memory", {"a": 1})
    before = (await either.get(memory_id)).json()
    yield either
    assert (await either.page()).json()["memories"] == [before]


@pytest.mark.parametrize("body", [pytest.param(body, id=name) for name, body in MALFORMED.items()])
async def test_what_is_no_json_is_a_bad_request(unchanged: Api, body: bytes) -> None:
    """A body that is not JSON is told apart from one that breaks a rule."""
    response = await unchanged.send("POST", REMEMBER, body)

    assert (response.status_code, field_in(response)) == (400, "body")


@pytest.mark.parametrize(("body", "field"), [pytest.param(*case, id=name) for name, case in WRONG_MEMORIES.items()])
async def test_a_wrong_memory_is_refused(unchanged: Api, body: bytes, field: str) -> None:
    """The problem names what is wrong with the memory."""
    response = await unchanged.send("POST", REMEMBER, body)

    assert (response.status_code, field_in(response)) == (422, field)
    assert len(response.content) < 2_000


@pytest.mark.parametrize(("body", "field"), [pytest.param(*case, id=name) for name, case in WRONG_QUESTIONS.items()])
async def test_a_wrong_question_is_refused(unchanged: Api, body: bytes, field: str) -> None:
    """The problem names what is wrong with the question."""
    response = await unchanged.send("POST", RECALL, body)

    assert (response.status_code, field_in(response)) == (422, field)


@pytest.mark.parametrize(("body", "field"), [pytest.param(*case, id=name) for name, case in WRONG_BATCHES.items()])
async def test_a_wrong_batch_is_refused(unchanged: Api, body: bytes, field: str) -> None:
    """What is no batch is refused as a whole, and the problem names the place."""
    response = await unchanged.send("POST", REMEMBER_BATCH, body)

    assert (response.status_code, field_in(response)) == (422, field)


@pytest.mark.parametrize(("body", "field"), [pytest.param(*case, id=name) for name, case in WRONG_EDITS.items()])
async def test_a_wrong_edit_is_refused(unchanged: Api, body: bytes, field: str) -> None:
    """The problem names what is wrong with the edit, whether or not there is such a memory."""
    [memory] = (await unchanged.page()).json()["memories"]

    for memory_id in (memory["id"], ABSENT_ID):
        response = await unchanged.send("PATCH", f"/memory/memories/{memory_id}", body)
        assert (response.status_code, field_in(response)) == (422, field)


@pytest.mark.parametrize(("asked", "field"), [pytest.param(*case, id=case[0][:20]) for case in WRONG_PAGES.items()])
async def test_a_wrong_page_is_refused(unchanged: Api, asked: str, field: str) -> None:
    """The problem names the parameter."""
    response = await unchanged.request("GET", f"/memory/memories?{asked}")

    assert (response.status_code, field_in(response)) == (422, field)


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"content":"' + b"x" * 32_000 + b'"}', id="32,000 characters"),
        pytest.param(b'{"content":"' + "🙂".encode() * 32_000 + b'"}', id="32,000 wide characters"),
        pytest.param(with_metadata(b'{"a":"' + b"x" * 16_376 + b'"}'), id="16 KiB"),
        pytest.param(with_metadata(b'{"a":"' + b"\\u0078" * 16_376 + b'"}'), id="16 KiB, escaped"),
        pytest.param(with_metadata(b'{"a":' + nested(31) + b"}"), id="32 levels"),
        pytest.param(with_metadata(b'{"a":' + b"9" * 4_300 + b"}"), id="4,300 digits"),
        pytest.param(with_metadata(b'{"a":1e308,"":5e-324}'), id="the widest floats"),
        pytest.param(with_metadata(b'{"a":1,"a":2}'), id="a key twice"),
        pytest.param(with_metadata(b"{}"), id="empty metadata"),
        pytest.param(with_metadata(b"null"), id="no metadata"),
        pytest.param(b'{"content":"coffee","content":"tea"}', id="a field twice"),
        pytest.param(b'{"content":"\\ud83d\\ude42"}', id="a pair of surrogates"),
        pytest.param(b' \r\n\t{"content":"tea"}\n', id="space around"),
    ],
)
async def test_what_is_just_allowed_is_stored_whole(either: Api, body: bytes) -> None:
    """Every limit belongs to what is allowed; of a field given twice the last is taken."""
    response = await either.send("POST", REMEMBER, body)

    assert response.status_code == 200, response.text
    found = msgspec.json.decode((await either.get(response.json()["memory_id"])).content)
    sent = msgspec.json.decode(body)
    assert (found["content"], found["metadata"]) == (sent["content"], sent.get("metadata"))


@pytest.mark.parametrize(
    "body",
    [
        pytest.param(b'{"query":"' + b"x" * 32_000 + b'"}', id="32,000 characters"),
        pytest.param(asking(b'"limit":1'), id="limit 1"),
        pytest.param(asking(b'"limit":1000'), id="limit 1000"),
        pytest.param(asking(b'"min_score":1'), id="an integer as score"),
        pytest.param(asking(b'"min_score":-0.0'), id="minus zero"),
        pytest.param(asking(b'"where":null,"created_from":null,"created_before":null'), id="nulls"),
        pytest.param(asking(b'"created_from":"2024-01-01T00:00:00.123456789Z"'), id="nanoseconds"),
        pytest.param(asking(b'"created_from":"0001-01-01T00:00:00Z"'), id="the first moment"),
        pytest.param(asking(b'"created_before":"9999-12-31T23:59:59.999999Z"'), id="the last moment"),
        pytest.param(with_condition(negated(8)), id="8 levels"),
        pytest.param(with_condition(wide(64)), id="64 conditions"),
        pytest.param(
            with_condition(b'{"op":"and","all":[' + wide(31) + b"," + short(33) + b"]}"), id="64 in two lists"
        ),
        pytest.param(with_condition(short(64)), id="64 fields"),
        pytest.param(
            with_condition(b'{"op":"in","field":"a","values":' + json.dumps([1] * 100).encode() + b"}"), id="100 values"
        ),
        pytest.param(
            with_condition(b'{"op":"exists","field":' + json.dumps(["a"] * 32).encode() + b"}"), id="32 steps"
        ),
        pytest.param(with_condition(b'{"op":"exists","field":""}'), id="an empty key"),
        pytest.param(with_condition(b'{"op":"gt","field":"a","value":' + b"9" * 4_300 + b"}"), id="4,300 digits"),
    ],
)
async def test_what_is_just_allowed_is_answered(either: Api, body: bytes) -> None:
    """Every limit of a question belongs to what is allowed."""
    response = await either.send("POST", RECALL, body)

    assert (response.status_code, response.json()) == (200, {"memories": [], "count": 0})


def padded(size: int) -> bytes:
    """A memory in a body of so many bytes."""
    return b'{"content":"tea"}'.ljust(size)


def padded_batch(size: int) -> bytes:
    """A batch in a body of so many bytes."""
    return b'{"memories":[{"content":"tea"}]}'.ljust(size)


async def in_pieces(body: bytes) -> AsyncIterator[bytes]:
    """A body whose length nobody says beforehand."""
    for start in range(0, len(body), 65_536):
        yield body[start : start + 65_536]


@pytest.mark.parametrize("chunked", [False, True], ids=["announced", "chunked"])
@pytest.mark.parametrize(("path", "limit"), [(REMEMBER, MIB), (REMEMBER_BATCH, 16 * MIB)])
async def test_a_body_has_a_limit(mock_api: Api, path: str, limit: int, *, chunked: bool) -> None:
    """The limit itself is taken, one byte more is not, whether or not its length was announced."""
    make = padded if path == REMEMBER else padded_batch

    async def send(body: bytes) -> httpx.Response:
        return await mock_api.request("POST", path, content=in_pieces(body) if chunked else body, headers=JSON)

    taken, refused = await send(make(limit)), await send(make(limit + 1))

    assert taken.status_code == 200
    assert (refused.status_code, field_in(refused)) == (413, "body")
    assert await mock_api.contents() == ["tea"]


@pytest.mark.parametrize("length", ["99999999999999999999", "9" * 5_000, "-1", "+1", "1e9", "x", "", "\xb2"])
async def test_the_announced_length_is_never_trusted(mock_api: Api, length: str) -> None:
    """A length too large is refused at once, and one that is no number is not believed."""
    response = await mock_api.request(
        "POST", REMEMBER, content=padded(MIB + 1), headers={**JSON, "Content-Length": length.encode("latin-1")}
    )

    assert response.status_code in {400, 413}
    assert problem_in(response)["type"] in {"urn:ninai:problem:bad-request", "urn:ninai:problem:too-large"}
    assert await mock_api.contents() == []


@pytest.mark.parametrize("path", ["/memory/remember/batch/", "/memory//remember/batch", "/memory/remember/BATCH"])
async def test_only_a_batch_has_the_larger_limit(mock_api: Api, path: str) -> None:
    """However a path is written, no more than 1 MiB of a body reaches another route than the two of batches."""
    response = await mock_api.send("POST", path, padded_batch(2 * MIB))

    assert response.status_code in {200, 404, 413}
    assert (response.status_code == 200) == (path == "/memory/remember/batch/")


@pytest.mark.parametrize(
    "content_type",
    [
        None,
        "",
        "text/plain",
        "application/x-www-form-urlencoded",
        "multipart/form-data; boundary=x",
        "application/jsonx",
        "application/x-msgpack",
        "application/problem+json",
        "text/plain, application/json",
        "x" * 9_000,
    ],
)
async def test_another_media_type_is_refused(unchanged: Api, content_type: str | None) -> None:
    """A body is JSON and says so; a browser's plain form cannot store a memory."""
    headers = {} if content_type is None else {"Content-Type": content_type}

    response = await unchanged.request("POST", REMEMBER, content=b'{"content":"tea"}', headers=headers)

    assert (response.status_code, field_in(response)) == (415, "Content-Type")
    assert len(response.content) < 2_000


@pytest.mark.parametrize("content_type", ["application/json; charset=utf-8", "Application/JSON", "application/json ;x"])
async def test_json_may_be_called_so_in_any_way(mock_api: Api, content_type: str) -> None:
    """Parameters and capitals of the media type mean nothing."""
    response = await mock_api.request(
        "POST", REMEMBER, content=b'{"content":"tea"}', headers={"Content-Type": content_type}
    )

    assert response.status_code == 200


@pytest.mark.parametrize(
    "memory_id",
    [
        "x",
        "1",
        "null",
        ABSENT_ID[:-1],
        ABSENT_ID + "0",
        ABSENT_ID.replace("-", ""),
        "{" + ABSENT_ID + "}",
        "urn:uuid:" + ABSENT_ID,
        "%20" + ABSENT_ID,
        ABSENT_ID + "%0A",
        ABSENT_ID[:-1] + "%00",
        ABSENT_ID[:-1] + "g",
        "%D9%A1" + ABSENT_ID[1:],
        "%FF",
        "%",
        "%zz",
        "%ED%A0%80",
        "%25",
        "*",
        "x" * 9_000,
    ],
)
async def test_an_id_has_one_written_form(unchanged: Api, memory_id: str) -> None:
    """What is not a UUID with its four dashes is refused for every method alike."""
    for method, body in (("GET", None), ("DELETE", None), ("PATCH", {"content": "coffee"})):
        response = await unchanged.request(method, f"/memory/memories/{memory_id}", json=body)
        assert (response.status_code, field_in(response)) == (422, "memory_id")


@pytest.mark.parametrize(
    "user",
    [
        b"",
        b" ",
        b"*",
        b"x" * 257,
        "é".encode() * 257,
        b"a\tb",
        b"a\x00b",
        b"a\x7f",
        b"a\x1b[0m",
        "a\u0085b".encode(),
    ],
)
async def test_a_user_must_be_one(either: Api, user: bytes) -> None:
    """A name that is empty, too long, the wildcard, or holds control characters is refused."""
    response = await either.http.post(REMEMBER, json={"content": "tea"}, headers=[(b"X-User-ID", user)])

    assert (response.status_code, field_in(response)) == (422, "X-User-ID")


@pytest.mark.parametrize("user", [b"\xff", "ä".encode("latin-1"), b"\xed\xa0\x80", b"\xc0\x80"])
async def test_a_user_is_utf_8(either: Api, user: bytes) -> None:
    """Bytes that are no UTF-8 name nobody."""
    response = await either.http.post(REMEMBER, json={"content": "tea"}, headers=[(b"X-User-ID", user)])

    assert (response.status_code, field_in(response)) == (400, "X-User-ID")


@pytest.mark.parametrize("user", ["x" * 256, "é" * 256, "'; DROP TABLE memories; --", "%", "a/b", "../..", '"', "a,b"])
async def test_any_other_name_is_a_user(either: Api, user: str) -> None:
    """A name of up to 256 characters means itself and nothing else."""
    headers = [(b"X-User-ID", user.encode())]
    stored = await either.http.post(REMEMBER, json={"content": "tea"}, headers=headers)

    found = await either.http.get(f"/memory/memories/{stored.json()['memory_id']}", headers=headers)
    assert found.json()["user_id"] == user


async def test_two_users_in_one_request_are_none(either: Api) -> None:
    """A request that names its user twice means neither of them."""
    headers = [(b"X-User-ID", b"alice"), (b"X-User-ID", b"bob")]

    response = await either.http.post(REMEMBER, json={"content": "tea"}, headers=headers)

    assert (response.status_code, field_in(response)) == (400, "X-User-ID")


async def a_cursor(api: Api) -> str:
    """A cursor as the list gives it."""
    await api.remember_batch("one", "two", "three")
    cursor: str = (await api.page(limit=1)).json()["next_cursor"]
    return cursor


async def test_a_damaged_cursor_is_refused(either: Api) -> None:
    """However a cursor is edited, nothing but its unused last bits may differ: it is none of this service."""
    cursor = await a_cursor(either)
    damaged = [cursor[:at] + letter + cursor[at + 1 :] for at in range(len(cursor) - 1) for letter in "A_~"]

    for text in set(damaged) - {cursor}:
        response = await either.page(limit=1, cursor=text)
        assert (response.status_code, field_in(response)) == (422, "cursor")


async def test_a_cut_cursor_is_refused(either: Api) -> None:
    """A cursor that lost its end is none."""
    cursor = await a_cursor(either)

    for length in range(len(cursor) - 1):
        assert (await either.page(cursor=cursor[:length])).status_code == 422


async def test_a_cursor_does_not_go_with_an_offset(either: Api) -> None:
    """To skip behind a cursor is refused."""
    response = await either.page(cursor=await a_cursor(either), offset=1)

    assert (response.status_code, field_in(response)) == (422, "offset")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/nowhere"),
        ("POST", "/memory"),
        ("GET", "/memory/"),
        ("GET", "/memory/remember/batch/x"),
        ("GET", f"/memory/memories/{ABSENT_ID}/x"),
        ("GET", "/Memory/memories"),
        ("GET", "/memory/memories%2F" + ABSENT_ID + "%2F.."),
        ("GET", "/%00"),
        ("GET", "/%FF"),
        ("GET", "/%"),
        ("GET", "/%2e%2e/%2e%2e/etc/passwd"),
        ("GET", "/" + "x" * 9_000),
        ("GET", "/docs/nothing"),
        ("GET", "/schema"),
    ],
)
async def test_an_unknown_path_is_a_problem(mock_api: Api, method: str, path: str) -> None:
    """Where nothing is, the answer says so in the form of all problems."""
    response = await mock_api.request(method, path)

    assert (response.status_code, problem_in(response)["type"]) == (404, "urn:ninai:problem:not-found")


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", REMEMBER),
        ("PUT", REMEMBER),
        ("PUT", "/memory/memories"),
        ("POST", "/memory/memories"),
        ("POST", f"/memory/memories/{ABSENT_ID}"),
        ("PUT", f"/memory/memories/{ABSENT_ID}"),
        ("POST", "/livez"),
        ("BREW", REMEMBER),
    ],
)
async def test_an_unknown_method_is_a_problem(mock_api: Api, method: str, path: str) -> None:
    """What a resource does not take is refused, with the methods that it takes."""
    response = await mock_api.request(method, path, json={"content": "tea"})

    assert response.status_code == 405
    assert ("HEAD" in response.headers["allow"]) == ("GET" in response.headers["allow"])
    assert problem_in(response)["type"] == "urn:ninai:problem:method-not-allowed"


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        (REMEMBER, {"POST", "OPTIONS"}),
        ("/memory/memories", {"GET", "HEAD", "DELETE", "OPTIONS"}),
        (f"/memory/memories/{ABSENT_ID}", {"GET", "HEAD", "PATCH", "DELETE", "OPTIONS"}),
        ("/livez", {"GET", "HEAD", "OPTIONS"}),
    ],
)
async def test_options_tell_the_methods(mock_api: Api, path: str, allowed: set[str]) -> None:
    """A resource tells all that it takes, and lets no other site's page ask."""
    response = await mock_api.request("OPTIONS", path, headers={"Origin": "http://elsewhere.example"})

    assert response.status_code == 204
    assert {method.strip() for method in response.headers["allow"].split(",")} == allowed
    assert not [name for name in response.headers if name.startswith("access-control-")]


@pytest.mark.parametrize(
    "path", [REMEMBER, RECALL, REMEMBER_BATCH, RECALL_BATCH, f"/memory/memories/{ABSENT_ID}", "/memory/memories"]
)
async def test_a_parameter_that_would_be_ignored_is_refused(mock_api: Api, path: str) -> None:
    """Where a limit belongs into the body, or an answer has none, one in the address is an error."""
    method = "GET" if "memories" in path else "POST"
    response = await mock_api.request(method, path, params={"size": 5}, json={} if method == "POST" else None)

    assert (response.status_code, field_in(response)) == (422, "size")


async def test_a_client_that_leaves_is_no_bug(mock_app: Litestar) -> None:
    """A connection that ends in the middle of a body is told as a bad request to whoever still listens."""
    arriving: list[Message] = [
        {"type": "http.request", "body": b'{"content":', "more_body": True},
        {"type": "http.disconnect"},
    ]
    sent: list[Message] = []

    async def receive() -> Message:
        return arriving.pop(0)

    async def send(message: Message) -> None:
        sent.append(message)

    headers = [(b"content-type", b"application/json")]
    scope = {"type": "http", "method": "POST", "path": REMEMBER, "query_string": b"", "headers": headers}
    await mock_app(scope, receive, send)  # type: ignore[arg-type] # the framework's own names for ASGI's open types

    assert sent[0]["status"] == 400


async def test_a_slash_at_the_end_means_the_same(mock_api: Api) -> None:
    """`/memory/memories/` is the list."""
    await mock_api.stored("tea")

    assert (await mock_api.request("GET", "/memory/memories/")).json()["count"] == 1


@pytest.mark.parametrize("name", ["X-Request-ID", "X-User-ID", "Idempotency-Key", "Content-Type", "Accept", "X-Other"])
async def test_a_very_long_header_breaks_nothing(unchanged: Api, name: str) -> None:
    """A header of 64 KiB is refused or ignored."""
    headers = {**JSON, name: "x" * 65_536}

    response = await unchanged.request("POST", RECALL, content=b'{"query":"xyz"}', headers=headers)

    assert response.status_code in {200, 415, 422}
    assert len(response.content) < 2_000


@pytest.mark.parametrize("accept", ["text/html", "application/xml", "image/png;q=x", "", "*/*", ",", "\xff"])
async def test_the_answer_is_json_whatever_is_accepted(mock_api: Api, accept: str) -> None:
    """There is one representation, and a client that would rather have another gets it too."""
    response = await mock_api.request("GET", "/memory/memories", headers={"Accept": accept.encode("latin-1")})

    assert (response.status_code, response.headers["content-type"]) == (200, "application/json")
