"""What mem0's API refuses, in the form that its clients read."""

from typing import Any

import httpx
import pytest

from app.auth.keys import hash_key
from app.compat.mem0.adding import MAX_MESSAGES
from app.compat.mem0.ids import sealed
from app.compat.mem0.operations import MAX_TOP_K
from app.http.body_limit import MAX_BODY_BYTES
from tests.support.api import ABSENT_ID, fresh_user, running_app
from tests.support.api import asgi_client as client_of
from tests.support.mem0_api import Mem0Api, error_in

UNSERVED = [
    ("POST", "/v1/feedback/"),
    ("POST", "/v1/exports/"),
    ("POST", "/v1/exports/get/"),
    ("POST", "/v1/summary/"),
    ("GET", "/v1/event/018f/"),
    ("GET", "/v1/events/"),
    ("GET", "/v2/profiles/settings/"),
    ("GET", "/v2/entities/user/priya/profile/"),
    ("GET", "/api/v1/orgs/organizations/default/projects/default/"),
    ("PATCH", "/api/v1/orgs/organizations/default/projects/default/"),
    ("PUT", "/api/v1/webhooks/1/"),
    ("DELETE", "/api/v1/webhooks/1/"),
    ("POST", "/v3/something/new/"),
]
ROUTES = [
    ("GET", "/v1/ping/"),
    ("POST", "/v3/memories/add/"),
    ("POST", "/v3/memories/"),
    ("POST", "/v3/memories/search/"),
    ("POST", "/v1/memories/"),
    ("DELETE", "/v1/memories/?user_id=alice"),
    ("GET", f"/v1/memories/{ABSENT_ID}/"),
    ("PUT", f"/v1/memories/{ABSENT_ID}/"),
    ("DELETE", f"/v1/memories/{ABSENT_ID}/"),
    ("PUT", "/v1/batch/"),
    ("DELETE", "/v2/entities/user/alice/"),
    ("POST", "/memories"),
    ("POST", "/search"),
    ("GET", "/memories?user_id=alice"),
    *UNSERVED,
]


@pytest.fixture
def mem0(mock_http: httpx.AsyncClient) -> Mem0Api:
    """A client over memory alone."""
    return Mem0Api(mock_http, fresh_user())


@pytest.mark.parametrize(("method", "path"), ROUTES)
async def test_every_route_asks_for_a_key(guarded_http: httpx.AsyncClient, method: str, path: str) -> None:
    """Without one nothing is said about memories."""
    response = await guarded_http.request(method, path, json={})

    assert response.status_code == 401
    assert error_in(response) == "Send an API key: Authorization: Bearer KEY"


@pytest.mark.parametrize("form", ["Token {}", "token {}", "Bearer {}", ""])
async def test_a_key_is_taken_in_every_form(guarded_http: httpx.AsyncClient, bound_key: str, form: str) -> None:
    """That of mem0's clients, that of its server, and our own."""
    headers = {"Authorization": form.format(bound_key)} if form else {"X-API-Key": bound_key}

    response = await guarded_http.get("/v1/ping/", headers=headers)

    assert response.json() == {"status": "ok", "org_id": "default", "project_id": "default", "user_email": ""}


async def test_a_bound_key_has_its_user_alone(guarded_http: httpx.AsyncClient, bound_key: str, free_key: str) -> None:
    """It names nobody or itself; memories of others are not there, whatever id is shown."""
    alice = Mem0Api(guarded_http, "alice", bound_key)
    bob = Mem0Api(guarded_http, "bob", free_key)
    foreign = await bob.added("Bob's secret")
    own = await alice.added("Alice likes tea", user_id=None, agent_id="a")

    forbidden = [
        await alice.add("x", user_id="bob"),
        await alice.send("POST", "/v3/memories/search/", json={"query": "x", "filters": {"user_id": "bob"}}),
        await alice.send("POST", "/v3/memories/", json={"filters": {"OR": [{"user_id": "alice"}, {"user_id": "bob"}]}}),
        await alice.send("DELETE", "/v1/memories/?user_id=bob"),
        await alice.send("DELETE", "/v2/entities/user/bob/"),
    ]
    absent = [
        await alice.send(method, f"/v1/memories/{foreign}/", json={"text": "x"}) for method in ("GET", "PUT", "DELETE")
    ]
    batch = {"memories": [{"memory_id": own, "text": "y"}, {"memory_id": foreign, "text": "y"}]}
    absent += [await alice.send("PUT", "/v1/batch/", json=batch), await alice.send("DELETE", "/v1/batch/", json=batch)]
    entities = (await alice.send("GET", "/v1/entities/")).json()

    assert [one.status_code for one in forbidden] == [403] * 5
    assert [one.status_code for one in absent] == [404] * 5
    assert (await alice.send("GET", f"/v1/memories/{own}/")).json()["memory"] == "Alice likes tea"
    assert await bob.texts() == ["Bob's secret"]
    assert [(one["type"], one["name"]) for one in entities["results"]] == [("user", "alice")]
    assert (entities["count"], entities["total_users"]) == (1, 1)


@pytest.mark.parametrize(("method", "path"), UNSERVED)
async def test_what_is_not_served_says_so(mem0: Mem0Api, method: str, path: str) -> None:
    """501 with the reason."""
    response = await mem0.send(method, path, json={})

    assert response.status_code == 501
    assert "is not served here" in error_in(response)


BAD: list[tuple[str, str, Any, str]] = [
    ("POST", "/v3/memories/add/", {}, "messages: is required"),
    ("POST", "/v3/memories/add/", {"messages": 1}, "messages"),
    ("POST", "/v3/memories/add/", {"messages": [{"role": "user"}]}, "content: is required"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "user_id": "*"}, "user_id"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "user_id": "a\nb"}, "user_id"),
    ("POST", "/v3/memories/add/", {"messages": " "}, "content: must not be blank"),
    ("POST", "/v3/memories/add/", {"messages": ["x"] * 1}, "messages"),
    ("POST", "/v3/memories/add/", {"messages": [{"content": "x"}] * (MAX_MESSAGES + 1)}, "between 1 and 100"),
    ("POST", "/v3/memories/add/", {"messages": [{"content": [{"type": "image_url"}]}]}, "must be text"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "user_id": "u", "agent_id": "a" * 257}, "agent"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "expiration_date": "soon"}, "expiration_date: must be a date"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "expiration_date": "9999-12-31"}, "expiration_date: must be"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "expiration_date": "2020-01-01"}, "must lie in the future"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "enable_graph": True}, "there is no graph"),
    ("POST", "/v3/memories/add/", {"messages": "tea", "timestamp": 10**18}, "timestamp"),
    ("POST", "/v3/memories/search/", {}, "query: is required"),
    ("POST", "/v3/memories/search/", {"query": ""}, "query: must not be blank"),
    ("POST", "/v3/memories/search/", {"query": "x", "top_k": MAX_TOP_K + 1}, "top_k: must be between 1 and 1000"),
    ("POST", "/v3/memories/search/", {"query": "x", "top_k": -1}, "top_k"),
    ("POST", "/v3/memories/search/", {"query": "x", "threshold": 2}, "min_score"),
    (
        "POST",
        "/v3/memories/search/",
        {"query": "x", "filters": {"a": {"icontains": "b"}}},
        "icontains is not supported",
    ),
    ("POST", "/v3/memories/search/", {"query": "x", "filters": {"a": {"in": ["b"] * 101}}}, "where"),
    ("POST", "/v3/memories/search/", {"query": "x", "categories": ["food"]}, "categories: is not supported"),
    ("POST", "/v3/memories/search/", {"query": "x", "keywords": "tea"}, "keywords: is not supported: words are found"),
    ("POST", "/v3/memories/search/", {"query": "x", "filters": {"AND": {}}}, "AND needs a list of conditions"),
    ("POST", "/v3/memories/", {"keywords": ["tea"]}, "keywords: is not supported"),
    ("POST", "/v3/memories/", {"start_date": "2026-01-01"}, "use created_at in the filters"),
    ("POST", "/v3/memories/?page=0", {}, "page: must be a whole number from 1"),
    ("POST", "/v3/memories/?page=x", {}, "page: must be a whole number"),
    ("POST", "/v3/memories/?page_size=201", {}, "from 1 to 200"),
    ("POST", "/v2/memories/", {"page": 1, "page_size": 201}, "between 1 and 200"),
    ("GET", "/memories?top_k=1001", None, "from 0 to 1000"),
    ("PUT", f"/v1/memories/{sealed(ABSENT_ID, 'u')}/", {}, "text: or metadata or expiration_date is required"),
    ("PUT", "/v1/batch/", {"memories": []}, "between 1 and 1000"),
    ("PUT", "/v1/batch/", {"memories": [{"memory_id": ABSENT_ID}]}, "text: is required"),
    ("DELETE", "/v1/memories/", None, "user_id: is required"),
    ("DELETE", "/memories", None, "user_id: is required"),
    ("DELETE", "/v1/memories/?user_id=*", None, "must not be '*'"),
    ("DELETE", "/v2/entities/team/x/", None, "must be user, agent, app or run"),
    ("DELETE", "/v2/entities/user/%ED%A0%80/", None, "must be percent-encoded UTF-8"),
]


@pytest.mark.parametrize(("method", "path", "body", "reason"), BAD)
async def test_bad_requests_are_400_with_the_reason(
    mem0: Mem0Api, method: str, path: str, body: object, reason: str
) -> None:
    """And nothing was done."""
    response = await mem0.send(method, path, json=body)

    assert response.status_code == 400, response.text
    assert reason in error_in(response)


@pytest.mark.parametrize("content", [b"{", b"[]", b"null", b"\xff", b"[" * 100_000, b'{"messages":"\\ud800"}'])
@pytest.mark.parametrize("path", ["/v3/memories/add/", "/v3/memories/search/", "/memories", "/v1/memories/"])
async def test_what_is_no_body_is_refused(mem0: Mem0Api, path: str, content: bytes) -> None:
    """Garbage is no failure of the service."""
    response = await mem0.send("POST", path, content=content)

    assert response.status_code == 400
    assert error_in(response)


async def test_a_body_that_is_too_large_is_refused(mem0: Mem0Api) -> None:
    """The limit is that of every request, and unknown fields count."""
    large = b'{"messages":"tea","x":"' + b"x" * MAX_BODY_BYTES + b'"}'
    fits = b'{"messages":"tea","user_id":"%s","x":"' % mem0.user.encode() + b"x" * (MAX_BODY_BYTES - 200) + b'"}'

    assert (await mem0.send("POST", "/v3/memories/add/", content=large)).status_code == 413
    assert (await mem0.send("POST", "/v3/memories/add/", content=fits)).status_code == 200


async def test_one_bad_message_stores_none(mem0: Mem0Api) -> None:
    """All are checked before the first one is stored."""
    response = await mem0.add("good", " ")

    assert response.status_code == 400
    assert await mem0.texts() == []


@pytest.mark.parametrize("headers", [{"Origin": "http://evil.example"}, {"Host": "evil.example"}])
async def test_pages_of_other_sites_are_refused(mem0: Mem0Api, headers: dict[str, str]) -> None:
    """As everywhere where no keys are used."""
    assert (await mem0.send("POST", "/v3/memories/add/", json={"messages": "x"}, headers=headers)).status_code == 403


@pytest.mark.parametrize(
    ("variables", "status"),
    [
        ({}, 200),
        ({"NINAI__COMPAT__MEM0__ENABLED": "false"}, 404),
        ({"NINAI__SERVER__HOST": "0.0.0.0"}, 404),  # noqa: S104 - a setting, nothing is opened
        ({"NINAI__SERVER__HOST": "0.0.0.0", "NINAI__COMPAT__MEM0__ENABLED": "true"}, 200),  # noqa: S104 - as above
    ],
)
async def test_it_is_on_where_this_machine_alone_asks(variables: dict[str, str], status: int, bound_key: str) -> None:
    """Elsewhere by configuration."""
    keys = {"NINAI__AUTH__MODE": "api_key", "NINAI__AUTH__KEYS__A__HASH": hash_key(bound_key)}
    async with running_app({"MEMORY_PROVIDER": "mock", **keys, **variables}) as app, client_of(app) as http:
        response = await http.get("/v1/ping/", headers={"Authorization": f"Token {bound_key}"})

    assert response.status_code == status
