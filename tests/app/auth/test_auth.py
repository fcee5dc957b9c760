"""Who may ask: API keys, the users they speak for, and the routes that are open to everybody."""

from typing import Any

import httpx
import pytest

from app.auth.keys import new_key
from tests.support.api import ABSENT_ID, BASE_URL, Api, field_in, fresh_user, problem_in

CHALLENGE = 'Bearer realm="ninai"'
GUARDED = [
    ("POST", "/memory/remember"),
    ("POST", "/memory/remember/batch"),
    ("POST", "/memory/recall"),
    ("POST", "/memory/recall/batch"),
    ("GET", "/memory/memories"),
    ("GET", f"/memory/memories/{ABSENT_ID}"),
    ("PATCH", f"/memory/memories/{ABSENT_ID}"),
    ("DELETE", f"/memory/memories/{ABSENT_ID}"),
]
FOREIGN = [{"Origin": "http://evil.example"}, {"Origin": "http://["}, {"Sec-Fetch-Site": "cross-site"}]


def bearer(key: str) -> dict[str, str]:
    """The header that shows a key."""
    return {"Authorization": f"Bearer {key}"}


@pytest.mark.parametrize(("method", "path"), GUARDED)
async def test_every_memory_route_asks_for_a_key(guarded_http: httpx.AsyncClient, method: str, path: str) -> None:
    """Without a key there is a challenge, and nothing else."""
    response = await guarded_http.request(method, path, json={"content": "tea", "query": "tea"})

    assert (response.status_code, problem_in(response)["type"]) == (401, "urn:ninai:problem:unauthenticated")
    assert response.headers["www-authenticate"] == CHALLENGE
    assert "memory-provider" not in response.headers


@pytest.mark.parametrize(
    "headers",
    [
        {"Authorization": ""},
        {"Authorization": "Bearer"},
        {"Authorization": "Bearer "},
        {"Authorization": "Basic YTpi"},
        {"Authorization": "KEY"},
        {"Authorization": "BearerKEY"},
        {"Authorization": "TokenKEY"},
        {"Authorization": "Key KEY"},
        {"Authorization": "Bearer KEYx"},
        {"Authorization": "Bearer KEY KEY"},
        {"Authorization": "Bearer x"},
        {"X-API-Key": ""},
        {"X-API-Key": "KEY "},
        {"X-API-Key": "x"},
        {"X-Api-Keys": "KEY"},
        {"Cookie": "api_key=KEY"},
    ],
)
async def test_what_is_no_known_key_opens_nothing(
    guarded_http: httpx.AsyncClient, free_key: str, headers: dict[str, str]
) -> None:
    """Only a whole key, in a header for keys, is one."""
    shown = {name: value.replace("KEY", free_key) for name, value in headers.items()}

    response = await guarded_http.get("/memory/memories", headers={**shown, "X-User-ID": fresh_user()})

    assert (response.status_code, problem_in(response)["type"]) == (401, "urn:ninai:problem:unauthenticated")
    assert free_key not in response.text


async def test_a_key_is_not_taken_from_the_address(guarded_http: httpx.AsyncClient, free_key: str) -> None:
    """An address ends up in logs, so no key in it counts."""
    response = await guarded_http.get("/memory/memories", params={"api_key": free_key})

    assert response.status_code == 401


async def test_an_unknown_key_is_refused(guarded_http: httpx.AsyncClient) -> None:
    """A well-formed key that nobody configured is none."""
    response = await guarded_http.get("/memory/memories", headers=bearer(new_key("test")))

    assert (response.status_code, response.headers["www-authenticate"]) == (401, CHALLENGE)


@pytest.mark.parametrize(
    ("name", "form"),
    [
        ("Authorization", "Bearer {}"),
        ("Authorization", "bearer {}"),
        ("authorization", "BEARER   {} "),
        ("X-API-Key", "{}"),
        ("x-api-key", "{}"),
    ],
)
async def test_a_key_may_be_shown_in_two_ways(
    guarded_http: httpx.AsyncClient, free_key: str, name: str, form: str
) -> None:
    """As a bearer token, however the scheme is written, or in a header of its own."""
    headers = {name: form.format(free_key), "X-User-ID": fresh_user()}

    assert (await guarded_http.get("/memory/memories", headers=headers)).status_code == 200


async def test_a_free_key_speaks_for_whom_it_names(guarded_http: httpx.AsyncClient, free_key: str) -> None:
    """A key without a user needs one named, and keeps users apart."""
    one, two = (Api(guarded_http, fresh_user(), bearer(free_key)) for _ in range(2))
    await one.stored("tea")

    unnamed = await guarded_http.get("/memory/memories", headers=bearer(free_key))
    wildcard = await guarded_http.get("/memory/memories", headers={**bearer(free_key), "X-User-ID": "*"})

    assert (await one.contents(), await two.contents()) == (["tea"], [])
    assert (unnamed.status_code, field_in(unnamed)) == (422, "X-User-ID")
    assert (wildcard.status_code, field_in(wildcard)) == (422, "X-User-ID")


async def test_a_bound_key_speaks_for_its_user_alone(guarded_http: httpx.AsyncClient, bound_key: str) -> None:
    """A key with a user needs none named, may name its own, and no other."""
    headers = bearer(bound_key)
    stored = await guarded_http.post("/memory/remember", json={"content": "tea"}, headers=headers)

    path = f"/memory/memories/{stored.json()['memory_id']}"
    unnamed = await guarded_http.get(path, headers=headers)
    named = await guarded_http.get(path, headers={**headers, "X-User-ID": "alice"})
    other = await guarded_http.get(path, headers={**headers, "X-User-ID": "bob"})
    assert unnamed.json()["user_id"] == named.json()["user_id"] == "alice"
    assert (other.status_code, problem_in(other)["type"]) == (403, "urn:ninai:problem:forbidden")
    assert field_in(other) == "X-User-ID"


async def test_two_users_in_one_request_are_refused(guarded_http: httpx.AsyncClient, bound_key: str) -> None:
    """A key's own user beside another one does not let the other in."""
    for users in ((b"alice", b"bob"), (b"bob", b"alice")):
        headers = [(b"Authorization", b"Bearer " + bound_key.encode()), *((b"X-User-ID", user) for user in users)]
        response = await guarded_http.get("/memory/memories", headers=headers)
        assert (response.status_code, field_in(response)) == (400, "X-User-ID")


@pytest.mark.parametrize(
    "sent",
    [
        {"content": b"{", "headers": {"Content-Type": "application/json"}},
        {"content": b"x" * (2 * 1024 * 1024), "headers": {"Content-Type": "text/plain"}},
        {"content": b"", "headers": {"Content-Length": "99999999"}},
        {"content": b"{}", "headers": {"Idempotency-Key": "", "X-User-ID": "*"}},
        {"params": {"unknown": "x"}},
    ],
    ids=["broken", "too large", "announced too large", "bad headers", "unknown parameter"],
)
async def test_who_asks_comes_before_what(guarded_http: httpx.AsyncClient, sent: dict[str, Any]) -> None:
    """Whoever shows no key learns nothing of what else is wrong with the request."""
    response = await guarded_http.post("/memory/remember", **sent)

    assert response.status_code == 401


@pytest.mark.parametrize("path", ["/livez", "/readyz", "/docs", "/docs/scalar.js", "/openapi.json"])
async def test_some_routes_are_open(guarded_http: httpx.AsyncClient, path: str) -> None:
    """Probes and readers of the documentation hold no key."""
    assert (await guarded_http.get(path)).status_code == 200


@pytest.mark.parametrize(
    "path",
    [
        *("/memory/memories", f"/memory/memories/{ABSENT_ID}", "/memory/memories?unknown=1", "/memory/nothing"),
        *("//memory/memories", "/memory/remember", "/admin/providers", "/admin/nothing"),
        *("/livez", "/readyz", "/memory/health", "/metrics"),
    ],
)
async def test_no_answer_is_kept_on_the_way(
    mock_http: httpx.AsyncClient, guarded_http: httpx.AsyncClient, path: str
) -> None:
    """What is one user's or one moment's is in no cache, be it an answer, a refusal or an error."""
    for http in (mock_http, guarded_http):
        response = await http.get(f"{BASE_URL}{path}")
        assert response.headers.get_list("cache-control") == ["no-store"]


@pytest.mark.parametrize(
    "path",
    [
        "/memory/memories/",
        "//memory/memories",
        "/memory//memories",
        "/memory/memories//",
        "/memory/./memories",
        "/memory/%2e/memories",
        "/memory/x/../memories",
        "/memory/health/../memories",
        "/memory/health/%2e%2e/memories",
        "/livez/../memory/memories",
        "/livez/%2e%2e/memory/memories",
        "/memory/memories/health",
        "/memory/memories/livez",
        "/memory/memories/docs",
        "/memory/memories/openapi.json",
        "/memory/memories;/health",
        "/memory/memories%2f",
        "/memory%2fmemories",
        "/%6demory/%6demories",
        "/memory/memories%00",
        "/memory/memories?/memory/health",
        "/memory/memories#/memory/health",
        "/memory/memories/%2e%2e/health",
        "/docs/../memory/memories",
        "/MEMORY/MEMORIES",
        "\\memory\\memories",
    ],
)
async def test_no_path_leads_around_the_guard(guarded_http: httpx.AsyncClient, path: str) -> None:
    """However the path to a memory is written, there is no memory at its end without a key."""
    response = await guarded_http.get("http://127.0.0.1/" + path.removeprefix("/"))

    assert response.status_code in {401, 404}
    assert problem_in(response)


@pytest.mark.parametrize("header", ["X-Original-URL", "X-Rewrite-URL", "X-HTTP-Method-Override", "X-Forwarded-Prefix"])
async def test_no_header_leads_around_the_guard(guarded_http: httpx.AsyncClient, header: str) -> None:
    """A header that some servers take for the path is none here."""
    inside = await guarded_http.get("/memory/memories", headers={header: "/livez"})
    outside = await guarded_http.get("/livez", headers={header: "/memory/memories"})

    assert inside.status_code == 401
    assert outside.json() == {"alive": True}


@pytest.mark.parametrize("path", ["/memory/memories", "/admin/providers", "/readyz", "/memory/health", "/metrics"])
@pytest.mark.parametrize(
    "host", ["evil.example", "127.0.0.1.evil.example:8000", "10.0.0.1", "localhost.evil.example", ""]
)
async def test_where_no_key_is_asked_for_a_foreign_name_opens_nothing(
    mock_http: httpx.AsyncClient, host: str, path: str
) -> None:
    """A page of another site whose name leads to this machine (DNS rebinding) gets to see nothing."""
    response = await mock_http.get(path, headers={"Host": host})

    assert (response.status_code, problem_in(response)["type"]) == (403, "urn:ninai:problem:forbidden")
    assert "set auth.mode to api_key" in problem_in(response)["detail"]


@pytest.mark.parametrize(
    ("method", "path"),
    [
        *((method, path) for method, path in GUARDED if method != "GET"),
        ("POST", "/admin/journal/dead/1/mock/retry"),
        ("DELETE", "/admin/journal/dead/1/mock?confirm=true"),
        ("PUT", "/admin/providers/order"),
        ("PUT", "/admin/mode"),
        ("POST", "/admin/quarantines"),
        ("DELETE", "/admin/quarantines/1"),
    ],
)
@pytest.mark.parametrize("headers", FOREIGN)
async def test_where_no_key_is_asked_for_a_foreign_page_does_nothing(
    mock_http: httpx.AsyncClient, headers: dict[str, str], method: str, path: str
) -> None:
    """A browser sends forms of any page to this machine, and says from where they come."""
    response = await mock_http.request(method, path, headers=headers)

    assert (response.status_code, problem_in(response)["type"]) == (403, "urn:ninai:problem:forbidden")
    assert "page of another site" in problem_in(response)["detail"]


@pytest.mark.parametrize(
    "headers",
    [{}, {"Origin": "http://127.0.0.1"}, {"Sec-Fetch-Site": "same-origin", "Origin": "http://127.0.0.1:5173"}],
)
async def test_where_no_key_is_asked_for_programs_and_own_pages_do_all(
    mock_http: httpx.AsyncClient, headers: dict[str, str]
) -> None:
    """What sends nothing of where it comes from is no browser, and the documentation's page may try everything."""
    api = Api(mock_http, fresh_user(), headers)

    assert (await api.remember("tea")).status_code == 200


async def test_where_no_key_is_asked_for_a_foreign_page_may_lead_here(mock_http: httpx.AsyncClient) -> None:
    """A link is followed: it changes nothing, and its page does not see the answer."""
    response = await mock_http.get("/memory/memories", headers={"Sec-Fetch-Site": "cross-site"})

    assert response.status_code == 200


async def test_who_shows_a_key_may_ask_from_any_page(guarded_http: httpx.AsyncClient, free_key: str) -> None:
    """No page has a key without having been given it."""
    api = Api(guarded_http, fresh_user(), bearer(free_key) | FOREIGN[0])

    assert (await api.remember("tea")).status_code == 200


@pytest.mark.parametrize("host", ["localhost:8000", "127.0.0.1", "127.1.2.3:1", "[::1]:8000", "ninai.localhost"])
async def test_where_no_key_is_asked_for_names_of_the_machine_are_known(
    mock_http: httpx.AsyncClient, host: str
) -> None:
    """By whichever of its names the machine is asked."""
    for path in ("/memory/memories", "/readyz", "/memory/health", "/metrics"):
        assert (await mock_http.get(path, headers={"Host": host})).status_code == 200


async def test_who_shows_a_key_may_use_any_name(guarded_http: httpx.AsyncClient, free_key: str) -> None:
    """A key is no browser's to send by itself."""
    headers = bearer(free_key) | {"Host": "memories.example", "X-User-ID": fresh_user()}

    assert (await guarded_http.get("/memory/memories", headers=headers)).status_code == 200


@pytest.mark.parametrize("path", ["/livez", "/readyz"])
async def test_with_keys_the_service_is_watched_under_any_name(guarded_http: httpx.AsyncClient, path: str) -> None:
    """Probes ask for an address, a pod or a service."""
    assert (await guarded_http.get(path, headers={"Host": "10.0.0.1:8000"})).status_code == 200


async def test_being_alive_is_told_under_any_name(mock_http: httpx.AsyncClient) -> None:
    """It tells nothing else, and whoever misses it would restart what runs."""
    assert (await mock_http.get("/livez", headers={"Host": "evil.example"})).status_code == 200
