"""How a request names its user: any script, from any client, and never two at once."""

from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.api import Api, field_in, fresh_user, problem_in

REMEMBER, RECALL, LIST = "/memory/remember", "/memory/recall", "/memory/memories"
SCRIPTS = ["用户1", "josé", "மதி", "a b+c&d=e%20", "O'Neil", "😀" * 256, "UTF-8''x"]
BODIES: dict[str, dict[str, Any]] = {
    REMEMBER: {"content": "tea"},
    RECALL: {"query": "tea"},
    f"{REMEMBER}/batch": {"memories": [{"content": "tea"}]},
    f"{RECALL}/batch": {"queries": [{"query": "tea"}]},
}


def bearer(key: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


def encoded(user: str) -> str:
    """A user as RFC 8187 writes it."""
    return "UTF-8''" + quote(user, safe="")


def named(place: str, user: str) -> dict[str, Any]:
    """What httpx sends to name a user in this place."""
    if place == "header":
        return {"headers": {"X-User-ID": user.encode()}}
    if place == "encoded":
        return {"headers": {"X-User-ID*": encoded(user)}}
    return {"params": {"user_id": user}}


@pytest.mark.parametrize("user", SCRIPTS)
async def test_a_user_of_any_script_is_the_same_by_every_way(mock_http: httpx.AsyncClient, user: str) -> None:
    """What was stored for a user in the body is found by either header and by the query."""
    stored = await mock_http.post(REMEMBER, json={"content": "tea", "user_id": user})
    pages = [await mock_http.get(LIST, **named(place, user)) for place in ("header", "encoded", "query")]

    assert stored.status_code == 200, stored.text
    for page in pages:
        memory_ids = {memory["id"]: memory["user_id"] for memory in page.json()["memories"]}
        assert memory_ids[stored.json()["memory_id"]] == user


@pytest.mark.parametrize("path", BODIES)
async def test_every_body_may_name_the_user(guarded_http: httpx.AsyncClient, free_key: str, path: str) -> None:
    """A key that speaks for anybody needs no header then; without any name it is told so."""
    user = fresh_user()
    answers = [
        await guarded_http.post(path, json={**BODIES[path], **name}, headers=bearer(free_key))
        for name in ({"user_id": user}, {})
    ]
    page = await guarded_http.get(LIST, params={"user_id": user}, headers=bearer(free_key))

    assert [answer.status_code for answer in answers] == [200, 422]
    assert field_in(answers[1]) == "X-User-ID"
    assert page.json()["count"] == (1 if "remember" in path else 0)


async def test_a_change_may_name_the_user_in_its_body(mock_http: httpx.AsyncClient) -> None:
    """As everything that has one."""
    user = fresh_user()
    stored = await mock_http.post(REMEMBER, json={"content": "tea", "user_id": user})
    place = f"{LIST}/{stored.json()['memory_id']}"

    changed = await mock_http.patch(place, json={"content": "coffee", "user_id": user})
    lost = await mock_http.patch(place, json={"content": "milk"})
    deleted = await mock_http.delete(place, params={"user_id": user})

    assert (changed.status_code, changed.json()["content"]) == (200, "coffee")
    assert (lost.status_code, deleted.status_code) == (404, 200)


@pytest.mark.parametrize("first", ["header", "encoded", "query"])
@pytest.mark.parametrize("second", ["header", "encoded", "query", "body"])
async def test_two_names_that_differ_are_refused(mock_http: httpx.AsyncClient, first: str, second: str) -> None:
    """Two that are the same are one."""
    if first == second:
        return

    async def ask(user: str) -> httpx.Response:
        given = named(first, "maya")
        body = BODIES[RECALL] | ({"user_id": user} if second == "body" else {})
        other = {} if second == "body" else named(second, user)
        headers = {**given.get("headers", {}), **other.get("headers", {})}
        params = {**given.get("params", {}), **other.get("params", {})}
        return await mock_http.post(RECALL, json=body, headers=headers, params=params)

    assert (await ask("maya")).status_code == 200
    refused = await ask("Maya")
    problem = problem_in(refused)
    assert (refused.status_code, problem["type"]) == (400, "urn:ninai:problem:bad-request")
    places = {
        "header": "X-User-ID",
        "encoded": "X-User-ID*",
        "query": "user_id in the query",
        "body": "user_id in the body",
    }
    assert sorted(problem["detail"].split(" names another user than ")) == sorted({places[first], places[second]})


@pytest.mark.parametrize("place", ["encoded", "query", "body"])
async def test_a_key_of_one_user_speaks_for_no_other(
    guarded_http: httpx.AsyncClient, bound_key: str, place: str
) -> None:
    """However the other one is named."""
    for user, status in (("alice", 200), ("bob", 403)):
        body = BODIES[RECALL] | ({"user_id": user} if place == "body" else {})
        sent = {} if place == "body" else named(place, user)
        headers = bearer(bound_key) | sent.pop("headers", {})
        answer = await guarded_http.post(RECALL, json=body, headers=headers, **sent)
        assert answer.status_code == status
        assert status == 200 or field_in(answer) == ("X-User-ID*" if place == "encoded" else "user_id")


@pytest.mark.parametrize(
    "value",
    [
        *("maya", "", "UTF-8'maya", "''maya", "ISO-8859-1''maya", "UTF-8''a b", "UTF-8''%", "UTF-8''%4", "UTF-8''%zz"),
        *("UTF-8''%FF", "UTF-8''%ED%A0%80", "UTF-8''a'b", "UTF-8''\"a\"", "UTF-8''a\""),
    ],
)
async def test_what_is_no_encoded_name_is_refused(mock_http: httpx.AsyncClient, value: str) -> None:
    """Other charsets, what is not encoded, and bytes that are no UTF-8."""
    response = await mock_http.get(LIST, headers={"X-User-ID*": value})

    assert (response.status_code, field_in(response)) == (400, "X-User-ID*")


@pytest.mark.parametrize("value", ["utf-8''maya", "UTF-8'en'maya", "Utf-8''%6D%61ya"])
async def test_an_encoded_name_may_be_written_in_several_ways(mock_api: Api, value: str) -> None:
    """The charset's case means nothing, nor does the language, nor what is encoded without need."""
    response = await mock_api.http.post(REMEMBER, json={"content": "tea"}, headers={"X-User-ID*": value})
    page = await mock_api.http.get(LIST, params={"user_id": "maya"})

    assert response.json()["memory_id"] in {memory["id"] for memory in page.json()["memories"]}


@pytest.mark.parametrize("user", ["", " ", "*", "a\tb", "x" * 257])
async def test_the_rules_for_users_hold_everywhere(mock_http: httpx.AsyncClient, user: str) -> None:
    """The problem names the place that broke them."""
    encoded_one = await mock_http.get(LIST, headers={"X-User-ID*": encoded(user)})
    in_query = await mock_http.get(LIST, params={"user_id": user})
    in_body = await mock_http.post(REMEMBER, json={"content": "tea", "user_id": user})

    assert (encoded_one.status_code, field_in(encoded_one)) == (422, "X-User-ID*")
    assert (in_query.status_code, field_in(in_query)) == (422, "user_id")
    assert (in_body.status_code, field_in(in_body)) == (422, "user_id")


@pytest.mark.parametrize(
    ("query", "status"), [("user_id=%FF", 400), ("user%5Fid=maya", 200), ("user_id=maya&user_id=maya", 422)]
)
async def test_a_query_is_read_as_strictly_as_a_header(mock_http: httpx.AsyncClient, query: str, status: int) -> None:
    """The name may be encoded as well; bytes that are no UTF-8 stand for nobody."""
    assert (await mock_http.get(f"{LIST}?{query}")).status_code == status


async def test_an_item_of_a_batch_names_nobody(mock_http: httpx.AsyncClient) -> None:
    """All of a batch belongs to one user: a name that would be ignored is an error."""
    body = {"memories": [{"content": "tea", "user_id": "maya"}, {"content": "tea"}]}
    first, second = (await mock_http.post(f"{REMEMBER}/batch", json=body)).json()["results"]

    assert (first["status"], second["status"]) == ("failed", "stored")
    assert first["problem"]["errors"][0]["field"] == "user_id"


@pytest.mark.parametrize("shape", ['{{"user_id":{0},"memories":[{1}]}}', '{{"memories":[{1}],"user_id":{0}}}'])
async def test_a_batch_names_its_user_before_or_behind_its_list(mock_http: httpx.AsyncClient, shape: str) -> None:
    """What is no name is refused as a whole."""
    user = fresh_user()
    bodies = [shape.format(name, '{"content":"tea"}').encode() for name in (f'"{user}"', "[1]", "1", "null", '"*"')]
    headers = {"Content-Type": "application/json"}
    answers = [await mock_http.post(f"{REMEMBER}/batch", content=body, headers=headers) for body in bodies]
    page = await mock_http.get(LIST, params={"user_id": user})

    assert [answer.status_code for answer in answers] == [200, *[422] * 4]
    assert page.json()["count"] == 1


async def test_a_repeated_write_is_one_whichever_way_names_its_user(mock_http: httpx.AsyncClient) -> None:
    """The key belongs to the user, and not to the place of its name."""
    user, key = fresh_user(), {"Idempotency-Key": "k"}
    first = await mock_http.post(REMEMBER, json={"content": "tea", "user_id": user}, headers=key)
    again = await mock_http.post(REMEMBER, json={"content": "tea"}, headers=key | {"X-User-ID*": encoded(user)})
    other = await mock_http.post(REMEMBER, json={"content": "tea", "user_id": fresh_user()}, headers=key)

    assert first.json()["memory_id"] == again.json()["memory_id"]
    assert other.json()["memory_id"] != first.json()["memory_id"]
