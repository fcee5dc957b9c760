"""Erasing users over HTTP: an operator any user, a caller its own data; the answer is a receipt."""

import json
from collections.abc import AsyncIterator
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from app.process.erasure_file import FILE
from providers.erasure.records import MAX_ERASURES
from providers.limits import MAX_USER_ID_CHARS
from providers.owners import Owner
from tests.support.api import ABSENT_ID, Api, asgi_client, field_in, fresh_user, running_app
from tests.support.chains import two_providers

CONFIRMED = {"confirm": "everything"}


def environment(flavour: str, folder: Path) -> dict[str, str]:
    """The settings of a service over one provider, or over a chain of two with a journal."""
    return {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(folder)} if flavour == "mock" else two_providers(folder)


@pytest_asyncio.fixture(params=["mock", "chain"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application of each flavour, of which nobody has been erased."""
    async with running_app(environment(request.param, tmp_path)) as app:
        yield app


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of it."""
    async with asgi_client(app) as client:
        yield client


@pytest_asyncio.fixture(scope="module", params=["mock", "chain"])
async def shared_http(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of an application of each flavour, for tests that have users of their own."""
    environ = environment(request.param, tmp_path_factory.mktemp("shared"))
    async with running_app(environ) as app, asgi_client(app) as client:
        yield client


async def test_an_operator_erases_a_user(app: Litestar, http: httpx.AsyncClient, tmp_path: Path) -> None:
    """Of whom nothing is left in any store; the receipt says so, and is shown again."""
    await Api(http, "kannan").stored("tea with cardamom")
    kept = await Api(http, "bob").stored("coffee")

    response = await http.delete("/admin/users/kannan", params=CONFIRMED)
    assert response.status_code == 200, response.text
    receipt = response.json()
    assert receipt["status"] == "erased"
    assert all((store["status"], store["ids"], store["questions"]) == ("erased", 1, 1) for store in receipt["stores"])
    assert any("backups" in one for one in receipt["stays"])
    for link in app.state.chain.links():
        assert await link.provider.snapshots(Owner("kannan")) == []
    assert (await Api(http, "bob").get(kept)).status_code == 200
    assert (tmp_path / FILE).exists() is (app.state.chain.journal is None)

    shown = await http.get(f"/admin/erasures/{receipt['erasure_id']}")
    assert shown.json() == receipt
    listed = (await http.get("/admin/erasures")).json()
    assert (listed["count"], listed["erasures"]) == (1, [receipt])


async def test_a_caller_erases_its_own_data(shared_http: httpx.AsyncClient) -> None:
    """Only with confirmation and without conditions; nobody else is shown the receipt."""
    api = Api(shared_http, fresh_user())
    await api.stored("tea with cardamom")
    refused = await api.request("DELETE", "/memory/memories", params={"erase": "true"})
    assert field_in(refused) == "confirm"
    params = {"confirm": "matching", "erase": "true", "session": "one"}
    assert field_in(await api.request("DELETE", "/memory/memories", params=params)) == "erase"

    response = await api.request("DELETE", "/memory/memories", params=CONFIRMED | {"erase": "true"})
    assert response.status_code == 200, response.text
    receipt = response.json()
    assert receipt["status"] == "erased"
    path = f"/memory/erasures/{receipt['erasure_id']}"
    assert (await api.request("GET", path)).json() == receipt
    others = await api.stranger().request("GET", path)
    assert (others.status_code, others.json()["type"]) == (404, "urn:ninai:problem:erasure-not-found")


async def test_a_user_who_comes_back_is_served(shared_http: httpx.AsyncClient) -> None:
    """As ever: it writes, recalls and lists."""
    api = Api(shared_http, fresh_user())
    await api.stored("tea with cardamom")
    assert (await shared_http.delete(f"/admin/users/{api.user}", params=CONFIRMED)).status_code == 200

    memory_id = await api.stored("coffee with chicory")
    found = await api.recall("coffee")
    assert [memory["id"] for memory in found.json()["memories"]] == [memory_id]


@pytest.mark.parametrize("user", ["team/anna", "..", "a?b#c%2F", "用户/1"])
async def test_a_user_of_any_id_is_erased_and_exported(shared_http: httpx.AsyncClient, user: str) -> None:
    """The query holds what no path can; what others have stays."""
    headers = {"X-User-ID*": f"UTF-8''{quote(user, safe='')}"}
    assert (await shared_http.post("/memory/remember", json={"content": "tea"}, headers=headers)).status_code == 200
    kept = await Api(shared_http, "team").stored("coffee")
    shown = await shared_http.get("/admin/export", params={"user_id": user})
    assert [line["content"] for line in map(json.loads, shown.text.splitlines()) if line["kind"] == "memory"] == ["tea"]

    response = await shared_http.delete("/admin/users", params=CONFIRMED | {"user_id": user})
    assert (response.status_code, response.json()["status"]) == (200, "erased"), response.text
    assert (await shared_http.get("/memory/memories", headers=headers)).json()["memories"] == []
    assert (await Api(shared_http, "team").get(kept)).status_code == 200


async def test_a_user_in_the_query_is_checked(shared_http: httpx.AsyncClient) -> None:
    """Somebody must be named, and confirmed; nobody can have a longer id."""
    for path, method in (("/admin/users", "DELETE"), ("/admin/export", "GET")):
        assert (await shared_http.request(method, path)).status_code in {400, 422}
        long = await shared_http.request(
            method, path, params={"user_id": "x" * (MAX_USER_ID_CHARS + 1)} | (CONFIRMED if method == "DELETE" else {})
        )
        assert (long.status_code, field_in(long)) == (422, "user_id")
    assert field_in(await shared_http.delete("/admin/users", params={"user_id": "kannan"})) == "confirm"
    longest = await shared_http.delete("/admin/users", params=CONFIRMED | {"user_id": "x" * MAX_USER_ID_CHARS})
    assert longest.status_code == 200
    assert (await shared_http.options("/admin/users")).headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


@pytest.mark.parametrize(
    ("method", "path", "field"),
    [
        ("DELETE", "/admin/users/%ED%A0%80?confirm=everything", "path"),
        ("DELETE", "/admin/users?user_id=%ED%A0%80&confirm=everything", "user_id"),
        ("GET", "/admin/users/%FF/export", "path"),
        ("GET", "/admin/export?user_id=%FF", "user_id"),
        ("DELETE", "/memory/memories?session=%FF&confirm=everything", "session"),
    ],
)
async def test_bytes_that_are_no_utf_8_name_nobody(
    shared_http: httpx.AsyncClient, method: str, path: str, field: str
) -> None:
    """Least of all the user of replacement characters, as which a lenient reader would take them."""
    user = "\ufffd" * 3
    body = {"content": "tea", "session": "\ufffd", "user_id": user}
    stored = await shared_http.post("/memory/remember", json=body)

    response = await shared_http.request(method, path)

    assert stored.status_code == 200
    assert (response.status_code, field_in(response)) == (422, field)
    listed = await shared_http.get("/memory/memories", params={"user_id": user})
    assert stored.json()["memory_id"] in {memory["id"] for memory in listed.json()["memories"]}


async def test_what_is_asked_wrongly_is_refused(http: httpx.AsyncClient) -> None:
    """Without confirmation, of an impossible user, of an erasure that there is not, of too many."""
    assert field_in(await http.delete("/admin/users/kannan")) == "confirm"
    assert (await http.delete(f"/admin/users/{'x' * 257}", params=CONFIRMED)).status_code == 422
    assert (await http.get(f"/admin/erasures/{ABSENT_ID}")).status_code == 404
    assert (await http.get("/admin/erasures", params={"limit": MAX_ERASURES})).json() == {"erasures": [], "count": 0}
    assert (await http.get("/admin/erasures", params={"limit": MAX_ERASURES + 1})).status_code in {400, 422}


async def test_no_user_is_erased_while_nothing_may_be_written(http: httpx.AsyncClient) -> None:
    """The mode of the service counts here as well."""
    mode = {"mode": "read_only", "reason": "moving house"}
    assert (await http.put("/admin/mode", json=mode)).status_code == 200

    assert (await http.delete("/admin/users/kannan", params=CONFIRMED)).status_code == 503
    assert (await http.get("/admin/erasures")).json()["count"] == 0
