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
from tests.support.api import ABSENT_ID, Api, asgi_client, field_in, running_app
from tests.support.chains import two_providers

CONFIRMED = {"confirm": "everything"}


@pytest_asyncio.fixture(params=["mock", "chain"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application over one provider, or over a chain of two with a journal."""
    alone = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(tmp_path)}
    async with running_app(alone if request.param == "mock" else two_providers(tmp_path)) as app:
        yield app


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of it."""
    async with asgi_client(app) as client:
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


async def test_a_caller_erases_its_own_data(http: httpx.AsyncClient) -> None:
    """Only with confirmation and without conditions; nobody else is shown the receipt."""
    headers = {"X-User-ID": "kannan"}
    await Api(http, "kannan").stored("tea with cardamom")
    refused = await http.delete("/memory/memories", params={"erase": "true"}, headers=headers)
    assert field_in(refused) == "confirm"
    params = {"confirm": "matching", "erase": "true", "session": "one"}
    assert field_in(await http.delete("/memory/memories", params=params, headers=headers)) == "erase"

    response = await http.delete("/memory/memories", params=CONFIRMED | {"erase": "true"}, headers=headers)
    assert response.status_code == 200, response.text
    receipt = response.json()
    assert receipt["status"] == "erased"
    path = f"/memory/erasures/{receipt['erasure_id']}"
    assert (await http.get(path, headers=headers)).json() == receipt
    others = await http.get(path, headers={"X-User-ID": "bob"})
    assert (others.status_code, others.json()["type"]) == (404, "urn:ninai:problem:erasure-not-found")


async def test_a_user_who_comes_back_is_served(http: httpx.AsyncClient) -> None:
    """As ever: it writes, recalls and lists."""
    await Api(http, "kannan").stored("tea with cardamom")
    assert (await http.delete("/admin/users/kannan", params=CONFIRMED)).status_code == 200

    memory_id = await Api(http, "kannan").stored("coffee with chicory")
    found = await http.post("/memory/recall", json={"query": "coffee"}, headers={"X-User-ID": "kannan"})
    assert [memory["id"] for memory in found.json()["memories"]] == [memory_id]


@pytest.mark.parametrize("user", ["team/anna", "..", "a?b#c%2F", "用户/1"])
async def test_a_user_of_any_id_is_erased_and_exported(http: httpx.AsyncClient, user: str) -> None:
    """The query holds what no path can; what others have stays."""
    headers = {"X-User-ID*": f"UTF-8''{quote(user, safe='')}"}
    assert (await http.post("/memory/remember", json={"content": "tea"}, headers=headers)).status_code == 200
    kept = await Api(http, "team").stored("coffee")
    shown = await http.get("/admin/export", params={"user_id": user})
    assert [line["content"] for line in map(json.loads, shown.text.splitlines()) if line["kind"] == "memory"] == ["tea"]

    response = await http.delete("/admin/users", params=CONFIRMED | {"user_id": user})
    assert (response.status_code, response.json()["status"]) == (200, "erased"), response.text
    assert (await http.get("/memory/memories", headers=headers)).json()["memories"] == []
    assert (await Api(http, "team").get(kept)).status_code == 200


async def test_a_user_in_the_query_is_checked(http: httpx.AsyncClient) -> None:
    """Somebody must be named, and confirmed; nobody can have a longer id."""
    for path, method in (("/admin/users", "DELETE"), ("/admin/export", "GET")):
        assert (await http.request(method, path)).status_code in {400, 422}
        long = await http.request(
            method, path, params={"user_id": "x" * (MAX_USER_ID_CHARS + 1)} | (CONFIRMED if method == "DELETE" else {})
        )
        assert (long.status_code, field_in(long)) == (422, "user_id")
    assert field_in(await http.delete("/admin/users", params={"user_id": "kannan"})) == "confirm"
    longest = await http.delete("/admin/users", params=CONFIRMED | {"user_id": "x" * MAX_USER_ID_CHARS})
    assert longest.status_code == 200
    assert (await http.options("/admin/users")).headers["allow"] == "DELETE, GET, HEAD, OPTIONS"


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
async def test_bytes_that_are_no_utf_8_name_nobody(http: httpx.AsyncClient, method: str, path: str, field: str) -> None:
    """Least of all the user of replacement characters, as which a lenient reader would take them."""
    user = "\ufffd" * 3
    stored = await http.post("/memory/remember", json={"content": "tea", "session": "\ufffd", "user_id": user})

    response = await http.request(method, path)

    assert stored.status_code == 200
    assert (response.status_code, field_in(response)) == (422, field)
    listed = await http.get("/memory/memories", params={"user_id": user})
    assert listed.json()["count"] == 1


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
