"""The largest requests let the event loop turn all the time: no other request waits for the whole of one.

Calls of functions between two turns are counted, since seconds tell how fast this machine is; `make bench` has those.
"""

import json
from typing import Any

import pytest

from app.http.body_limit import MAX_BATCH_BODY_BYTES, MAX_BODY_BYTES
from app.http.json.batch import MAX_BATCH_VALUES, MAX_BESIDE_BYTES
from tests.support.api import JSON, Api, problem_in
from tests.support.watching import watched

REMEMBER_BATCH = "/memory/remember/batch"
RECALL_BATCH = "/memory/recall/batch"

# Of up to two million that such a request takes; on the machine where this was written there are twenty thousand.
MOST_CALLS = 60_000

SMALL = {"content": "tea with lemon and honey", "metadata": {"tags": ["a", "b"], "n": 1}}
MANY_VALUES = {"content": "tea", "metadata": {"a": [1] * (MAX_BATCH_VALUES // 1_000 - 5)}}
BATCHES = {
    "a thousand memories": [SMALL] * 1_000,
    "nothing but problems": [{"content": "tea", "x": [1] * 50}] * 1_000,
}
GREATEST_BATCHES = {
    "as many values as there may be": [MANY_VALUES] * 1_000,
    "as many bytes as there may be": [{"content": "tea, " * 3_340}] * 1_000,
}


@pytest.mark.parametrize(
    "memories",
    [
        *(pytest.param(memories, id=name) for name, memories in BATCHES.items()),
        *(pytest.param(memories, id=name, marks=pytest.mark.thorough) for name, memories in GREATEST_BATCHES.items()),
    ],
)
async def test_memories_are_stored_in_turns(mock_api: Api, memories: list[dict[str, Any]]) -> None:
    """They are decoded, get their ids, and are checked, stored and answered one by one."""
    body = json.dumps({"memories": memories}).encode()
    assert len(body) <= MAX_BATCH_BODY_BYTES

    async with watched() as watch:
        response = await mock_api.request("POST", REMEMBER_BATCH, content=body, key="key", headers=JSON)

    assert response.status_code == 200
    assert watch.longest_stall < MOST_CALLS
    assert len(response.json()["results"]) == len(memories)


@pytest.mark.parametrize("questions", [100, pytest.param(1_000, marks=pytest.mark.thorough)])
async def test_questions_are_answered_in_turns(mock_api: Api, questions: int) -> None:
    """They are decoded, asked and answered one by one."""
    await mock_api.remember_batch(*(f"tea number {number}" for number in range(20)))

    async with watched() as watch:
        response = await mock_api.request(
            "POST", RECALL_BATCH, json={"queries": [{"query": "tea number", "limit": 20}] * questions}
        )

    assert response.json()["answered"] == questions
    assert watch.longest_stall < MOST_CALLS


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 422)])
async def test_little_may_stand_beside_the_list(mock_api: Api, more: int, status: int) -> None:
    """Blanks before and behind all do not count: a body may be padded."""
    blanks = b" " * (MAX_BESIDE_BYTES + more - len(b'{"memories":]}'))

    response = await mock_api.send(
        "POST", REMEMBER_BATCH, b" " * 99_999 + b'{"memories":' + blanks + b'[{"content":"tea"}]}'
    )

    assert response.status_code == status
    if more:
        assert problem_in(response)["detail"] == f"body: must hold at most {MAX_BESIDE_BYTES} bytes beside the list"


@pytest.mark.parametrize(
    ("item", "status"),
    [
        (b"\t" * 1_500_000 + b'{"content":"tea"}' + b" " * 1_500_000, "stored"),
        (b'{"content":"tea"' + b" " * (MAX_BODY_BYTES - len(b'{"content":"tea"}')) + b"}", "stored"),
        (b'{"content":"tea"' + b" " * (MAX_BODY_BYTES + 1 - len(b'{"content":"tea"}')) + b"}", "failed"),
        (b'"' + b"a" * 16_000_000 + b'"', "failed"),
    ],
)
async def test_an_item_has_a_bound_without_the_blanks_around_it(mock_api: Api, item: bytes, status: str) -> None:
    """What is far above it is not even copied."""
    body = b'{"memories":[' + item + b"]}"
    async with watched() as watch:
        response = await mock_api.send("POST", REMEMBER_BATCH, body)

    [result] = response.json()["results"]
    assert result["status"] == status
    if status == "failed":
        assert result["problem"]["detail"] == f"The item must be at most {MAX_BODY_BYTES} bytes"
    assert watch.peak < 8 * MAX_BODY_BYTES


async def test_a_list_of_blanks_is_empty(mock_api: Api) -> None:
    """However many they are."""
    response = await mock_api.send("POST", REMEMBER_BATCH, b'{"memories":[' + b" " * 2_000_000 + b"]}")

    assert problem_in(response)["detail"] == "memories: must hold between 1 and 1000 items"


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b'{"memories":[{"content":"tea"}],"memories":[{"content":"tea"}]}', "memories: must be given once"),
        (b'{"x":[1],"memories":[{"content":"tea"}]}', "x: is not a known field"),
        (b'{"memories":{"a":1}}', "memories: expected array, got object"),
        (b'{"memories":[{"content":"tea"}]', "The body is not JSON: Input data was truncated"),
        (b'{"memories":[{"content":"tea"},]}', "The body is not JSON: Input data was truncated"),
        (
            b'{"memories":[{"content":"tea"}]} x',
            "The body is not JSON: JSON is malformed: trailing characters (byte 34)",
        ),
        (
            b'{"memories":[{"content":"tea"},{"x":y}]}',
            "The body is not JSON: JSON is malformed: invalid character (byte 36)",
        ),
    ],
)
async def test_what_is_wrong_around_the_list_is_said(mock_api: Api, body: bytes, said: str) -> None:
    """With the place in the whole body."""
    response = await mock_api.send("POST", REMEMBER_BATCH, body)

    assert problem_in(response)["detail"] == said
