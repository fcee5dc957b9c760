"""The admin API of users: who has memories, and how many, page by page."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from providers.chain.owners import AT_ONCE
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.api import Api, asgi_client, field_in, problem_in, running_app
from tests.support.chains import two_providers


@pytest_asyncio.fixture(params=["mock", "chain"])
async def app(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application over one provider, or over a chain of two with a journal."""
    async with running_app({"MEMORY_PROVIDER": "mock"} if request.param == "mock" else two_providers(tmp_path)) as app:
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
    """A bare client of an application of each flavour, for questions to which no users matter."""
    environ = {"MEMORY_PROVIDER": "mock"}
    if request.param == "chain":
        environ = two_providers(tmp_path_factory.mktemp("shared"))
    async with running_app(environ) as app, asgi_client(app) as client:
        yield client


async def users(http: httpx.AsyncClient, **params: str | int) -> tuple[list[tuple[str, int, int]], str | None]:
    """One page: each user with both counts, and where the next one begins."""
    response = await http.get("/admin/users", params=params)
    assert response.status_code == 200, response.text
    page = response.json()
    assert page["count"] == len(page["users"])
    return [(user["user_id"], user["memories"], user["deleted"]) for user in page["users"]], page["next_after"]


async def named(http: httpx.AsyncClient, user: str) -> None:
    """Store a memory of a user of any script."""
    response = await http.post("/memory/remember", json={"content": "tea", "user_id": user})
    assert response.status_code == 200


async def test_users_are_counted_by_page(http: httpx.AsyncClient) -> None:
    """Ordered by code point; the last page has no next one."""
    names = ["anna", "bob", "josé", "மதி", "用户1", "😀"]
    for name in reversed(names):
        await named(http, name)
    await Api(http, "bob").stored("coffee")
    gone = await Api(http, "anna").stored("a secret of mine")
    await Api(http, "anna").delete(gone)
    expected = [(name, 2 if name == "bob" else 1, 1 if name == "anna" else 0) for name in names]

    assert await users(http) == (expected, None)
    first, after = await users(http, limit=2)
    assert (first, after) == (expected[:2], "bob")
    assert await users(http, limit=2, after="bob") == (expected[2:4], "மதி")
    assert await users(http, limit=3, after="மதி") == (expected[4:], None)
    assert await users(http, after="😀") == ([], None)


async def test_a_page_may_be_of_many_calls(http: httpx.AsyncClient) -> None:
    """A store is asked for some users at a time."""
    names = [f"user-{number:03}" for number in range(2 * AT_ONCE + 1)]
    for name in names:
        await named(http, name)

    page, after = await users(http, limit=2 * AT_ONCE)

    assert ([name for name, _, _ in page], after) == (names[:-1], names[-2])


async def test_users_of_other_tenants_are_told_apart(app: Litestar, http: httpx.AsyncClient) -> None:
    """Both are counted, also if they are called the same, and a page may end between them."""
    owners = [Owner("anna", "acme"), Owner("anna", "beta"), Owner("anna")]
    for owner in owners:
        await app.state.provider.store(NewMemory(owner=owner, content="tea"))

    page = (await http.get("/admin/users")).json()
    first = (await http.get("/admin/users", params={"limit": 1})).json()
    rest = (await http.get("/admin/users", params={"after": first["next_after"]})).json()

    assert [(one["user_id"], one.get("tenant")) for one in page["users"]] == [
        ("anna", "acme"),
        ("anna", "beta"),
        ("anna", None),
    ]
    assert first["users"] + rest["users"] == page["users"]


async def test_who_answered_is_told(app: Litestar, http: httpx.AsyncClient) -> None:
    """The first in the order."""
    assert (await http.get("/admin/users")).json()["provider"] == app.state.settings.order[0]


@pytest.mark.parametrize(
    ("params", "field"),
    [({"limit": 0}, "limit"), ({"limit": 101}, "limit"), ({"after": "*"}, "after"), ({"x": 1}, "x")],
)
async def test_a_wrong_page_is_refused(
    shared_http: httpx.AsyncClient, params: dict[str, str | int], field: str
) -> None:
    """With the parameter."""
    response = await shared_http.get("/admin/users", params=params)

    assert (response.status_code, field_in(response)) == (422, field)


async def test_users_are_for_operators(guarded_http: httpx.AsyncClient, free_key: str) -> None:
    """A key for memories does not see who else has some."""
    response = await guarded_http.get("/admin/users", headers={"Authorization": f"Bearer {free_key}"})

    assert (response.status_code, problem_in(response)["status"]) == (403, 403)
