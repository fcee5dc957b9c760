"""Shared memories: a recall over several owners is one answer, and a key reads those whom it may read."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
import pytest_asyncio

from app.auth.keys import hash_key, new_key
from app.http.schemas import MAX_BATCH_OWNERS, MAX_OWNERS
from app.settings.auth import KeySettings
from app.settings.key_faults import key_fault
from tests.support.api import Api, asgi_client, field_in, fresh_user, problem_in, running_app

RECALL = "/memory/recall"
ANNA, SALES, ANY = (new_key(name) for name in ("anna", "sales", "any"))


async def recalled(http: httpx.AsyncClient, owners: list[str], query: str, **more: object) -> httpx.Response:
    """The answer to a recall over owners, by a key that is in `more` or by nobody."""
    key = more.pop("key", None)
    headers = {} if key is None else {"X-API-Key": str(key)}
    return await http.post(RECALL, json={"query": query, "owners": owners, **more}, headers=headers)


def hits(answer: httpx.Response) -> list[tuple[str, str]]:
    """The owner and the content of each memory."""
    assert answer.status_code == 200, answer.text
    return [(one["user_id"], one["content"]) for one in answer.json()["memories"]]


async def test_a_recall_over_owners_is_one_answer(either: Api) -> None:
    """Best first whoever has it, as many as are asked for in all, and each names its owner."""
    other, third = either.stranger(), either.stranger()
    await either.stored("green tea in the morning")
    await either.stored("the dog barks at night")
    await other.stored("green tea in the evening")
    await third.stored("a train to Lisbon")
    owners = [either.user, other.user]

    both = await recalled(either.http, owners, "green tea")
    best = await recalled(either.http, owners, "green tea", limit=2)
    text = (await recalled(either.http, owners, "green tea", limit=2, format="text")).json()["text"]

    assert third.user not in {owner for owner, _ in hits(both)}
    assert set(hits(best)) == {(either.user, "green tea in the morning"), (other.user, "green tea in the evening")}
    assert hits(both)[:2] == hits(best)
    for one in (either, other):
        alone = (await one.request("POST", RECALL, json={"query": "green tea"})).json()["memories"]
        assert [memory for memory in both.json()["memories"] if memory["user_id"] == one.user] == alone
    assert all(f"({owner}): green tea" in text for owner in owners)


@pytest.mark.parametrize(
    ("owners", "status"),
    [
        ([fresh_user() for _ in range(MAX_OWNERS)], 200),
        ([fresh_user() for _ in range(MAX_OWNERS + 1)], 422),
        ([], 422),
        (["ann", "ann"], 422),
        (["ann", "*"], 422),
        (["a" * 257], 422),
    ],
)
async def test_owners_are_a_few_that_differ(mock_http: httpx.AsyncClient, owners: list[str], status: int) -> None:
    """Up to eight, each once, by valid ids."""
    answer = await recalled(mock_http, owners, "tea")

    assert answer.status_code == status
    assert status == 200 or field_in(answer).startswith("owners")


async def batched(http: httpx.AsyncClient, *queries: dict[str, Any], **headers: str) -> httpx.Response:
    """The answer to a batch of queries."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    return await http.post(f"{RECALL}/batch", json={"queries": queries}, headers=named)


async def test_queries_of_a_batch_name_owners(either: Api) -> None:
    """Each is answered as it is alone, with its owners named; a fault with them is one of the query."""
    other = either.stranger()
    await either.stored("green tea in the morning")
    await other.stored("green tea in the evening")
    queries: list[dict[str, Any]] = [
        {"query": "green tea", "owners": [either.user, other.user]},
        {"query": "green tea", "owners": [other.user], "format": "text"},
        {"query": "evening", "owners": [either.user, other.user], "limit": 1},
        {"query": "tea", "owners": [other.user, other.user]},
        {"query": "tea", "owners": [fresh_user() for _ in range(MAX_OWNERS + 1)]},
    ]

    answer = await batched(either.http, *queries)
    named = await batched(either.http, {"query": "tea"}, queries[0], X_User_ID=either.user)

    *answered, twice, too_many = answer.json()["results"]
    for query, result in zip(queries, answered, strict=False):
        alone = (await either.http.post(RECALL, json=query)).json()
        assert {name: result.get(name) for name in ("memories", "count", "text")} == {
            name: alone.get(name) for name in ("memories", "count", "text")
        }
    assert {memory["user_id"] for memory in answered[0]["memories"]} == {either.user, other.user}
    assert f"({other.user}): green tea" in answered[1]["text"]
    assert [one["problem"]["errors"][0]["field"] for one in (twice, too_many)] == ["owners"] * 2
    own, both = named.json()["results"]
    assert [memory["content"] for memory in own["memories"]] == ["green tea in the morning"]
    assert both["memories"] == answered[0]["memories"]  # the user of the request is that of the others


@pytest.mark.parametrize(("more", "status"), [(0, 200), (1, 422)])
async def test_a_batch_names_so_many_owners(mock_http: httpx.AsyncClient, more: int, status: int) -> None:
    """Whatever the number of its queries; each of them may be named by several."""
    names = [fresh_user() for _ in range(MAX_BATCH_OWNERS + more)]
    parts = [names[begin : begin + MAX_OWNERS] for begin in range(0, len(names), MAX_OWNERS)]

    answer = await batched(mock_http, *({"query": "tea", "owners": part} for part in [*parts, *parts]))

    assert answer.status_code == status
    assert status != 200 or answer.json()["answered"] == 2 * len(parts)
    assert status == 200 or field_in(answer) == "owners"


@pytest.mark.parametrize("place", ["header", "query", "body"])
async def test_owners_stand_in_place_of_a_user(mock_http: httpx.AsyncClient, place: str) -> None:
    """Both are refused: it would not be clear who is meant."""
    sent: dict[str, Any] = {"json": {"query": "tea", "owners": ["ann"]}}
    if place == "body":
        sent["json"]["user_id"] = "ann"
    elif place == "query":
        sent["params"] = {"user_id": "ann"}
    else:
        sent["headers"] = {"X-User-ID": "ann"}
    answer = await mock_http.post(RECALL, **sent)

    assert (answer.status_code, field_in(answer)) == (422, "owners")


@pytest_asyncio.fixture
async def http() -> AsyncIterator[httpx.AsyncClient]:
    """A service with a team's key, and one of a user that reads it, in a tenant."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__TENANTS__ENABLED": "true",
        "NINAI__AUTH__KEYS__ANNA__HASH": hash_key(ANNA),
        "NINAI__AUTH__KEYS__ANNA__USER": "anna",
        "NINAI__AUTH__KEYS__ANNA__READS": "team:sales",
        "NINAI__AUTH__KEYS__SALES__HASH": hash_key(SALES),
        "NINAI__AUTH__KEYS__SALES__USER": "team:sales",
        "NINAI__AUTH__KEYS__ANY__HASH": hash_key(ANY),
        "NINAI__AUTH__KEYS__ANY__TENANT": "acme",
    }
    async with running_app(environ) as app, asgi_client(app) as client:
        yield client


async def test_a_key_reads_whom_it_may_read(http: httpx.AsyncClient) -> None:
    """By recall, list and get; all else of theirs, and everybody else, is refused with where it was named."""
    anna, sales = Api(http, "anna", {"X-API-Key": ANNA}), Api(http, "team:sales", {"X-API-Key": SALES})
    theirs = await sales.stored("the offsite is on the sales budget")
    await anna.stored("the offsite is by the sea")
    as_team = Api(http, "team:sales", {"X-API-Key": ANNA})

    both = await recalled(http, ["anna", "team:sales"], "offsite", key=ANNA)
    read = [await as_team.page(), await as_team.get(theirs), await as_team.request("POST", "/memory/list", json={})]
    refused = [
        await as_team.remember("mine"),
        await as_team.request("PATCH", f"/memory/memories/{theirs}", json={"content": "mine"}),
        await as_team.request("DELETE", f"/memory/memories/{theirs}"),
        await as_team.request("DELETE", "/memory/memories", params={"confirm": "everything"}),
        await as_team.request("DELETE", "/memory/memories", params={"dry_run": "true"}),
        await recalled(http, ["anna", "bob"], "offsite", key=ANNA),
        await recalled(http, ["anna", "team:sales"], "offsite", key=SALES),
    ]

    assert {owner for owner, _ in hits(both)} == {"anna", "team:sales"}
    assert [answer.status_code for answer in read] == [200] * 3
    assert [answer.status_code for answer in refused] == [403] * len(refused)
    assert [field_in(answer) for answer in refused[-2:]] == ["owners"] * 2
    assert problem_in(refused[0])["detail"].startswith("This API key")


async def test_a_batch_with_an_owner_who_may_not_be_read_is_refused(http: httpx.AsyncClient) -> None:
    """As a whole, as every request of somebody who may not ask it; without such an owner it is answered."""
    await Api(http, "team:sales", {"X-API-Key": SALES}).stored("the offsite is on the sales budget")
    own, shared = {"query": "offsite"}, {"query": "offsite", "owners": ["anna", "team:sales"]}

    answered = await batched(http, own, shared, X_API_Key=ANNA)
    refused = await batched(http, own, {"query": "offsite", "owners": ["bob"]}, X_API_Key=ANNA)
    elsewhere = await batched(http, shared, X_API_Key=ANY)

    assert [one["count"] for one in answered.json()["results"]] == [0, 1]
    assert (refused.status_code, field_in(refused)) == (403, "owners")
    assert [one["count"] for one in elsewhere.json()["results"]] == [0]


async def test_owners_are_those_of_the_callers_tenant(http: httpx.AsyncClient) -> None:
    """Of another one with the same names nothing is read, whoever is named."""
    await Api(http, "team:sales", {"X-API-Key": SALES}).stored("the offsite is on the sales budget")

    assert hits(await recalled(http, ["team:sales", "anna"], "offsite", key=ANY)) == []


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"user": "anna", "reads": ["team:sales"]}, None),
        ({"reads": ["team:sales"]}, "reads"),
        ({"user": "anna", "reads": ["*"]}, "reads"),
        ({"user": "anna", "reads": ["team:sales"], "scopes": ["memory:write"]}, "reads"),
    ],
)
def test_what_a_key_reads_must_mean_something(fields: dict[str, Any], fault: str | None) -> None:
    """A key that speaks for everybody is not narrowed by it, and one that reads nothing has no use for it."""
    found = key_fault(KeySettings(hash=hash_key("ninai_x"), **fields))

    assert (found and found[0]) == fault
