"""The order of answers and what they say of it, and storing a memory unless there is one like it."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.support.api import Api, field_in

TEA = "Alice drinks green tea in the morning"
NOW = datetime.now(UTC)


async def recalled(api: Api, query: str, **options: object) -> dict[str, Any]:
    """The answer to a question."""
    response = await api.request("POST", "/memory/recall", json={"query": query, **options})
    assert response.status_code == 200, response.text
    answer: dict[str, Any] = response.json()
    return answer


async def stored(api: Api, content: str, **fields: object) -> str:
    """Store a memory, and return its id."""
    response = await api.request("POST", "/memory/remember", json={"content": content, **fields})
    assert response.json()["status"] == "stored", response.text
    memory_id: str = response.json()["memory_id"]
    return memory_id


async def test_an_answer_explains_itself(api: Api) -> None:
    """Per memory the parts, the words with their idf and the places; and what was looked at in all."""
    memory_id = await stored(api, TEA, speaker="Bob", session="a")
    await stored(api, "And what then?", speaker="Ann", session="a")
    await stored(api, "The train leaves at noon", session="b", metadata={"topic": "trains"})
    answer = await recalled(api, "Which tea did Bob mean?", explain=True)

    first = answer["memories"][0]
    why = first["explanation"]
    assert first["id"] == memory_id
    assert {part["word"] for part in why["matched"]} == {"tea", "bob"}
    assert all(part["idf"] > 0 for part in why["matched"])
    assert (why["rank"], why["rank_by_score"], why["speaker"]) == (1, 1, pytest.approx(0.1))
    assert why["order"] == pytest.approx(
        first["similarity_score"] + why["neighbours"] + why["speaker"] + why["recency"], abs=1e-5
    )
    assert 0 < why["cosine"] < 1
    assert 0 < why["words"] < 1
    assert answer["considered"]["memories"] == 3
    assert answer["considered"]["filtered"] == 0


async def test_what_was_filtered_is_counted(api: Api) -> None:
    """By conditions, and by the least score."""
    await stored(api, TEA)
    await stored(api, "Green tea is sold out", metadata={"topic": "shop"})
    await stored(api, "The train leaves at noon", metadata={"topic": "trains"})
    answer = await recalled(api, "green tea", explain=True, where={"topic": "trains"}, min_score=0.9)

    assert answer["memories"] == []
    assert answer["considered"] == {"memories": 3, "filtered": 2, "below_min_score": 1}


async def test_nothing_is_explained_that_nobody_asked_about(api: Api) -> None:
    """The fields are absent."""
    await stored(api, TEA)
    answer = await recalled(api, "tea")

    assert "considered" not in answer
    assert "explanation" not in answer["memories"][0]


async def test_recent_memories_come_forward(api: Api) -> None:
    """By the half-life that is asked for, and scores stay."""
    old = await stored(api, "Carol lives in Lisbon by the sea", created_at=(NOW - timedelta(days=400)).isoformat())
    new = await stored(api, "Carol lives in Turin", created_at=(NOW - timedelta(days=10)).isoformat())
    question = "Does Carol live in Lisbon by the sea?"
    plain = await recalled(api, question)
    recent = await recalled(api, question, prefer="recent", half_life_days=10_000, explain=True)
    fading = await recalled(api, question, prefer="recent", half_life_days=5, explain=True)

    scores = {one["id"]: one["similarity_score"] for one in plain["memories"]}
    assert [one["id"] for one in plain["memories"]] == [old, new]
    assert {one["id"]: one["similarity_score"] for one in fading["memories"]} == pytest.approx(scores)
    gains = {one["id"]: one["explanation"]["recency"] for one in fading["memories"]}
    assert gains == {old: pytest.approx(0, abs=1e-6), new: pytest.approx(0.2 / 4, abs=1e-3)}
    assert {one["explanation"]["recency"] > 0.19 for one in recent["memories"]} == {True}


async def test_diverse_answers_do_not_repeat_each_other(api: Api) -> None:
    """Of two that say the same, the second goes behind another one."""
    await stored(api, "The red kite circles over the hill")
    await stored(api, "The red kite circles over the hill again")
    other = await stored(api, "A kite was red with anger, said the novel")
    plain = await recalled(api, "red kite hill", limit=2)
    diverse = await recalled(api, "red kite hill", limit=2, diversity=0.7)

    assert other not in [one["id"] for one in plain["memories"]]
    assert other in [one["id"] for one in diverse["memories"]]


@pytest.mark.parametrize(
    ("options", "field"),
    [
        ({"prefer": "old"}, "prefer"),
        ({"half_life_days": 3}, "half_life_days"),
        ({"prefer": "recent", "half_life_days": 0}, "half_life_days"),
        ({"prefer": "recent", "half_life_days": 36501}, "half_life_days"),
        ({"diversity": 1.01}, "diversity"),
        ({"diversity": -0.01}, "diversity"),
        ({"explain": 1}, "explain"),
    ],
)
async def test_what_breaks_a_rule_is_refused_by_its_name(api: Api, options: dict[str, object], field: str) -> None:
    """Alone with 422, and in a batch at its place."""
    alone = await api.request("POST", "/memory/recall", json={"query": "tea", **options})
    batch = await api.request(
        "POST", "/memory/recall/batch", json={"queries": [{"query": "tea"}, {"query": "tea", **options}]}
    )

    assert alone.status_code in {400, 422}, alone.text
    assert field_in(alone) == field
    assert [one["status"] for one in batch.json()["results"]] == ["answered", "failed"]


@pytest.mark.parametrize("options", [{"diversity": 1.0}, {"prefer": "recent", "half_life_days": 36500}])
async def test_bounds_are_allowed(api: Api, options: dict[str, object]) -> None:
    """Both ends."""
    await stored(api, TEA)

    assert len((await recalled(api, "tea", **options))["memories"]) == 1


async def test_nothing_is_stored_that_is_there_already(api: Api) -> None:
    """The same text but for case, and one that is nearly the same, answer the id of what is there."""
    memory_id = await stored(api, TEA)
    same = await api.request("POST", "/memory/remember", json={"content": TEA.upper(), "unless_similar": 1.0})
    near = await api.request("POST", "/memory/remember", json={"content": f"{TEA}.", "unless_similar": 0.9})
    other = await api.request(
        "POST", "/memory/remember", json={"content": "The train leaves at noon", "unless_similar": 0.9}
    )

    assert (same.status_code, same.json()) == (
        200,
        {"memory_id": memory_id, "status": "exists", "similarity_score": 1.0},
    )
    assert near.json()["status"] == "exists"
    assert near.json()["memory_id"] == memory_id
    assert 0.9 <= near.json()["similarity_score"] <= 1
    assert other.json()["status"] == "stored"
    assert (await api.page()).json()["count"] == 2


async def test_a_repeat_of_a_write_is_answered_as_the_first_time(api: Api) -> None:
    """What it stored itself is nothing that was there before."""
    key = {"Idempotency-Key": "once"}
    first = await api.request("POST", "/memory/remember", json={"content": TEA, "unless_similar": 0.5}, headers=key)
    again = await api.request("POST", "/memory/remember", json={"content": TEA, "unless_similar": 0.5}, headers=key)

    assert first.json() == again.json()
    assert first.json()["status"] == "stored"


@pytest.mark.parametrize("least", [0, 1.01, "0.9"])
async def test_a_least_likeness_lies_above_zero_and_at_most_at_one(api: Api, least: object) -> None:
    """Anything else is refused."""
    response = await api.request("POST", "/memory/remember", json={"content": TEA, "unless_similar": least})

    assert response.status_code in {400, 422}
    assert field_in(response) == "unless_similar"


async def test_messages_are_stored_whatever_they_are_like(api: Api) -> None:
    """Both together are refused."""
    response = await api.request(
        "POST", "/memory/remember", json={"messages": [{"role": "user", "content": TEA}], "unless_similar": 0.9}
    )

    assert field_in(response) == "unless_similar"


async def test_a_recall_tells_where_its_time_went(api: Api) -> None:
    """The vectors of the question, the look at what changed, and the ranking, within the provider's time."""
    await stored(api, TEA)
    response = await api.recall("tea")

    timing = dict(part.split(";dur=") for part in response.headers["server-timing"].split(", "))
    assert set(timing) >= {"total", "provider", "embed", "refresh", "score"}
    assert sum(float(timing[part]) for part in ("embed", "refresh", "score")) <= float(timing["provider"]) + 0.05
