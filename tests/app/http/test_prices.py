"""What asks for too much work is refused before any is done, with the price and the bound; what is usual is not."""

from typing import Any

from tests.support.api import Api, field_in, problem_in

DEAR = {"op": "or", "any": [{"op": "in", "field": "year", "values": list(range(100))}] * 14}
USUAL = {"op": "or", "any": [{"op": "in", "field": "year", "values": list(range(100))}] * 13}
TOO_DEAR = "urn:ninai:problem:too-dear"


async def test_a_question_has_a_price(either: Api) -> None:
    """Up to the bound it is answered, beyond it refused with the price."""
    await either.remember("tea", {"year": 5})

    refused = await either.recall("tea", where=DEAR)

    assert await either.recalled("tea", where=USUAL) == ["tea"]
    assert (refused.status_code, problem_in(refused)["type"], field_in(refused)) == (422, TOO_DEAR, "where")
    assert problem_in(refused)["detail"] == (
        "The request costs 105, and may cost 100: ask with fewer conditions or values"
    )


async def test_a_dear_question_of_a_batch_fails_alone(either: Api) -> None:
    """Its result is the problem that it would get alone; the others are answered."""
    await either.stored("tea")
    queries = [{"query": "tea"}, {"query": "tea", "where": DEAR}, {"query": "tea"}]

    answer = await either.request("POST", "/memory/recall/batch", json={"queries": queries})

    first, dear, last = answer.json()["results"]
    assert (answer.status_code, first["count"], last["count"]) == (200, 1, 1)
    assert (dear["status"], dear["problem"]["type"], dear["problem"]["status"]) == ("failed", TOO_DEAR, 422)


async def test_a_batch_has_a_price(mock_api: Api) -> None:
    """A thousand questions with conditions are answered; of a thousand as long as a page of a book, none is."""
    few: dict[str, Any] = {"op": "and", "all": [{"op": "eq", "field": "a", "value": number} for number in range(10)]}
    usual = [{"query": "tea", "where": few}] * 1_000
    dear = [{"query": "tea " * 2_500}] * 1_000

    answered = await mock_api.request("POST", "/memory/recall/batch", json={"queries": usual})
    refused = await mock_api.request("POST", "/memory/recall/batch", json={"queries": dear})

    assert answered.json()["answered"] == 1_000, answered.text[:1_000]
    assert (refused.status_code, problem_in(refused)["type"], field_in(refused)) == (422, TOO_DEAR, "queries")
    assert problem_in(refused)["detail"].endswith("and may cost 15,000: send it in several batches")


async def test_long_texts_are_not_dear(mock_api: Api) -> None:
    """A body as large as may be, and the longest text, question and page."""
    texts = ["x" * 16_000] * 1_000
    stored = await mock_api.remember_batch(*texts)

    assert stored.json()["stored"] == 1_000
    assert (await mock_api.remember("x" * 32_000)).status_code == 200
    assert (await mock_api.recall("x" * 32_000, limit=100)).status_code == 200
    assert (await mock_api.page(limit=100, offset=100_000)).status_code == 200


async def test_what_is_no_filter_is_refused_as_that(mock_api: Api) -> None:
    """However many conditions it holds, or however deep they are: the refusal names the rule, not a price."""
    many = {"op": "and", "all": [{"op": "and", "all": [{"op": "exists", "field": "a"}] * 60}] * 60}
    deep: dict[str, Any] = {"op": "exists", "field": "a"}
    for _ in range(100):
        deep = {"op": "not", "that": deep}

    for where in (many, deep):
        refused = problem_in(await mock_api.recall("tea", where=where))
        assert (refused["status"], refused["type"]) == (422, "urn:ninai:problem:invalid-input")
