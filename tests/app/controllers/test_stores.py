"""The admin API of the stores: how two differ, and the merge of one with the complete ones."""

from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
from litestar import Litestar

from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from tests.support.api import asgi_client, field_in, problem_in, running_app
from tests.support.chains import status_of, two_providers, wait_until_complete
from tests.support.states import live, tombstone

USER = "kannan"


@pytest_asyncio.fixture
async def app(tmp_path: Path) -> AsyncIterator[Litestar]:
    """An application over `a` and `b`, of which `b` has not received everything."""
    async with running_app(two_providers(tmp_path)) as opened:
        yield opened


@pytest_asyncio.fixture
async def http(app: Litestar) -> AsyncIterator[httpx.AsyncClient]:
    """A bare client of it."""
    async with asgi_client(app) as client:
        yield client


def store(app: Litestar, name: str) -> MockMemoryProvider:
    """Return the store behind a provider."""
    provider: MockMemoryProvider = app.state.chain.route.link(name).provider
    return provider


async def test_differences_are_told_without_texts(app: Litestar, http: httpx.AsyncClient) -> None:
    """Counts, then ids by user, as many as are wanted."""
    here, there = live(USER, "a secret of mine"), live(USER, "another")
    await store(app, "a").put_many([here])
    await store(app, "b").put_many([there])

    response = await http.get("/admin/providers/a/differences", params={"other": "b", "limit": 1})

    told = response.json()
    [listed] = told.pop("differences")
    assert response.status_code == 200
    assert told == {
        "users": 1,
        "live": {"a": 1, "b": 1},
        "deleted": {"a": 0, "b": 0},
        "differing": {"a": {"missing": 1}, "b": {"missing": 1}},
        "waiting": 0,
        "more": 1,
        "next_after": None,
    }
    assert (listed["user_id"], listed["memory_id"]) == (USER, min(here.id, there.id))
    assert "secret" not in response.text


async def test_a_merge_completes_who_was_refused(app: Litestar, http: httpx.AsyncClient) -> None:
    """Both hold the union afterwards, without what one of them knows as deleted, and the newcomer is filled at once."""
    own, gone = live(USER, "of another time"), live(USER, "deleted at home")
    await store(app, "b").put_many([own, gone])
    await store(app, "a").put_many([tombstone(gone, 2_000)])

    response = await http.post("/admin/providers/b/merge")

    told = response.json()
    assert response.status_code == 200
    assert told == {
        "users": 1,
        "put": 1,
        "deleted": 1,
        "versions": 0,
        "waiting": 0,
        "refused": 0,
        "left": 0,
        "next_after": None,
    }
    assert (await store(app, "a").get(USER, own.id)).content == "of another time"
    await wait_until_complete(http)
    states = await store(app, "a").snapshots(Owner(USER))
    assert sorted(state.deleted for state in states) == [False, True]
    assert [(state.id, state.deleted) for state in await store(app, "b").snapshots(Owner(USER))] == [
        (state.id, state.deleted) for state in states
    ]
    assert [one["differences"] for one in (await status_of(http))["providers"]] == [{}, {}]


@pytest.mark.parametrize(
    ("method", "path", "status", "kind"),
    [
        ("GET", "/admin/providers/a/differences?other=c", 404, "unknown-provider"),
        ("GET", "/admin/providers/c/differences?other=a", 404, "unknown-provider"),
        ("POST", "/admin/providers/c/merge", 404, "unknown-provider"),
        ("GET", "/admin/providers/a/differences?other=a", 422, "invalid-input"),
        ("GET", "/admin/providers/a/differences", 400, "bad-request"),
        ("GET", "/admin/providers/a/differences?other=b&limit=1001", 422, "invalid-input"),
        ("GET", "/admin/providers/a/differences?other=b&limit=-1", 422, "invalid-input"),
        ("POST", "/admin/providers/b/merge?after=nonsense", 422, "invalid-input"),
        ("POST", "/admin/providers/b/merge?after=WyJrYW5uYW4iLCJubyBpZCJd", 422, "invalid-input"),
        ("POST", "/admin/providers/b/merge?after=WyIiXQ", 422, "invalid-input"),
    ],
)
async def test_what_cannot_be_done_is_a_problem(
    http: httpx.AsyncClient, method: str, path: str, status: int, kind: str
) -> None:
    """Names that are none, and places that no page has told."""
    problem = problem_in(await http.request(method, path))

    assert (problem["status"], problem["type"]) == (status, f"urn:ninai:problem:{kind}")


async def test_the_place_of_a_page_is_named_if_it_is_none(http: httpx.AsyncClient) -> None:
    """The parameter is the fault."""
    assert field_in(await http.post("/admin/providers/b/merge", params={"after": "!"})) == "after"


async def test_a_single_provider_has_nothing_to_compare(tmp_path: Path) -> None:
    """Without a journal there is nothing to merge."""
    settings = {"MEMORY_PROVIDER": "mock", "NINAI__DATA_DIR": str(tmp_path)}
    async with running_app(settings) as app, asgi_client(app) as http:
        problem = problem_in(await http.post("/admin/providers/mock/merge"))

    assert (problem["status"], problem["type"]) == (404, "urn:ninai:problem:no-journal")


async def test_a_store_that_took_a_name_is_refused(app: Litestar, http: httpx.AsyncClient) -> None:
    """The store behind the name is another one than the journal knows."""
    journal = app.state.chain.journal
    await journal.leave("b")
    await journal.join("b", "the store that has the name now")

    problem = problem_in(await http.post("/admin/providers/b/merge"))

    assert (problem["status"], problem["type"]) == (409, "urn:ninai:problem:another-store")
