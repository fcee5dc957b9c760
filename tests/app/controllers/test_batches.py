"""Many memories or questions at once, each with a result of its own."""

from typing import Any

import pytest

from tests.support.api import Api, field_in


async def test_results_come_in_the_order_sent(api: Api) -> None:
    """The result at each place belongs to the memory at that place, and the whole body tells nothing else."""
    response = await api.remember_batch("one", "two", "three")

    body = response.json()
    ids = [result["memory_id"] for result in body["results"]]
    assert response.status_code == 200
    assert body == {
        "results": [{"status": "stored", "memory_id": memory_id} for memory_id in ids],
        "stored": 3,
        "failed": 0,
    }
    assert [(await api.get(memory_id)).json()["content"] for memory_id in ids] == ["one", "two", "three"]


@pytest.mark.thorough
async def test_a_batch_may_hold_a_thousand(api: Api) -> None:
    """One thousand memories are stored in one request, and one thousand questions answered."""
    stored = await api.remember_batch(*(f"word{number}" for number in range(1000)))
    questions = {"queries": [{"query": f"word{number}", "limit": 1} for number in range(1000)]}
    answered = await api.request("POST", "/memory/recall/batch", json=questions)

    assert (stored.json()["stored"], answered.json()["answered"]) == (1000, 1000)
    best = [result["memories"][0]["content"] for result in answered.json()["results"]]
    assert best == [f"word{number}" for number in range(1000)]


@pytest.mark.parametrize("count", [0, 1001])
@pytest.mark.parametrize(
    ("path", "field", "item"),
    [
        ("/memory/remember/batch", "memories", {"content": "tea"}),
        ("/memory/recall/batch", "queries", {"query": "tea"}),
    ],
)
async def test_a_batch_is_never_empty_nor_larger(
    api: Api, path: str, field: str, item: dict[str, str], count: int
) -> None:
    """None at all, or more than a thousand, are refused as a whole, and nothing is stored."""
    response = await api.request("POST", path, json={field: [item] * count})

    assert (response.status_code, field_in(response)) == (422, field)
    assert await api.contents() == []


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"content": ""}, "content"),
        ({"content": " \n"}, "content"),
        ({"content": "x" * 32_001}, "content"),
        ({"content": "a\0b"}, "content"),
        ({"content": "tea", "metadata": {"a": "\0"}}, "metadata"),
        ({"content": "tea", "metadata": {"a": "x" * 16_384}}, "metadata"),
    ],
)
async def test_a_memory_that_breaks_a_rule_fails_alone(either: Api, bad: dict[str, Any], field: str) -> None:
    """Its result is the problem that a single request would get; the others are stored."""
    memories = [{"content": "first"}, bad, {"content": "last"}]

    response = await either.request("POST", "/memory/remember/batch", json={"memories": memories})

    body = response.json()
    [problem] = [result["problem"] for result in body["results"] if result["status"] == "failed"]
    assert (response.status_code, body["stored"], body["failed"]) == (200, 2, 1)
    assert [result["status"] for result in body["results"]] == ["stored", "failed", "stored"]
    assert (problem["status"], problem["type"]) == (422, "urn:ninai:problem:invalid-input")
    assert problem["request_id"] == response.headers["x-request-id"]
    assert [error["field"] for error in problem["errors"]] == [field]
    assert sorted(await either.contents()) == ["first", "last"]


@pytest.mark.parametrize(
    ("bad", "field"),
    [
        ({"query": ""}, "query"),
        ({"query": "x" * 32_001}, "query"),
        ({"query": "tea", "limit": 0}, "limit"),
        ({"query": "tea", "limit": 1_001}, "limit"),
        ({"query": "tea", "limit": 10**30}, "limit"),
        ({"query": "tea", "min_score": 1.01}, "min_score"),
        ({"query": "tea", "min_score": -1}, "min_score"),
        ({"query": "tea", "where": {"op": "eq", "field": "a", "value": "\0"}}, "where"),
    ],
)
async def test_a_question_that_breaks_a_rule_fails_alone(either: Api, bad: dict[str, Any], field: str) -> None:
    """Its result is the problem that a single request would get; the others are answered."""
    await either.stored("tea")

    response = await either.request("POST", "/memory/recall/batch", json={"queries": [{"query": "tea"}, bad]})

    body = response.json()
    good, failed = body["results"]
    assert (response.status_code, body["answered"], body["failed"]) == (200, 1, 1)
    assert (good["status"], good["count"], good["memories"][0]["content"]) == ("answered", 1, "tea")
    assert failed["status"] == "failed"
    assert [error["field"] for error in failed["problem"]["errors"]] == [field]


async def test_a_question_without_answer_is_answered(api: Api) -> None:
    """Finding nothing is an answer."""
    response = await api.request("POST", "/memory/recall/batch", json={"queries": [{"query": "tea"}]})

    assert response.json() == {
        "results": [{"status": "answered", "memories": [], "count": 0}],
        "answered": 1,
        "failed": 0,
    }


async def test_a_batch_asks_as_a_single_question_does(api: Api) -> None:
    """Limit, condition, range and score mean in a batch what they mean alone."""
    await api.stored("tea of 2024", {"year": 2024})
    await api.stored("tea of 2025", {"year": 2025})
    where = {"op": "eq", "field": "year", "value": 2024}
    queries: list[dict[str, Any]] = [
        {"query": "tea", "where": where},
        {"query": "tea", "limit": 1},
        {"query": "tea", "created_before": "2020-01-01T00:00:00Z"},
        {"query": "tea", "created_from": "2020-01-01T00:00:00Z"},
    ]

    response = await api.request("POST", "/memory/recall/batch", json={"queries": queries})

    alone = [(await api.recall(**query)).json()["memories"] for query in queries]
    assert [result["memories"] for result in response.json()["results"]] == alone
    assert [len(memories) for memories in alone] == [1, 1, 0, 2]
