"""A refusal says who answered, as every answer does, wherever somebody was asked."""

from collections.abc import AsyncIterator

import httpx
import pytest
import pytest_asyncio

from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.chains import two_providers, wait_until_complete

ABSENT = "00000000-0000-7000-8000-000000000000"
ONE = {"NINAI__ORDER": '["a"]', "NINAI__PROVIDERS__A__KIND": "mock"}


@pytest_asyncio.fixture(scope="module", params=["one", "two"])
async def http(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a single provider, or of a chain: one for all tests, because it takes seconds to fill the second."""
    folder = tmp_path_factory.mktemp("shared")
    environ = {**ONE, "NINAI__DATA_DIR": str(folder)} if request.param == "one" else two_providers(folder)
    async with running_app(environ) as app, asgi_client(app) as client:
        if request.param == "two":
            await wait_until_complete(client)
        yield client


@pytest.fixture
def api(http: httpx.AsyncClient) -> Api:
    """A user of it."""
    return Api(http, fresh_user())


def told(response: httpx.Response) -> tuple[int, bool, str | None]:
    """The status, whether somebody known is said to have answered, and how consistent that is."""
    provider = response.headers.get("Memory-Provider")
    return response.status_code, provider in {"a", "journal"}, response.headers.get("Memory-Consistency")


async def test_a_conflict_says_who_found_it(api: Api) -> None:
    """A key that was used for something else, in a single write and in a batch."""
    await api.remember("tea", key="k")
    await api.remember_batch("tea", "milk", key="many")

    assert told(await api.remember("coffee", key="k")) == (409, True, "strong")
    batch = await api.remember_batch("coffee", "sugar", key="many")
    assert told(batch)[1:] == (True, "strong")


async def test_a_deleted_memory_says_who_knows(api: Api) -> None:
    """A write, a change, a read and another deletion of what was deleted."""
    memory_id = (await api.remember("tea", key="k")).json()["memory_id"]
    await api.delete(memory_id)

    assert told(await api.remember("tea", key="k")) == (410, True, "strong")
    assert told(await api.update(memory_id, content="coffee")) == (404, True, "strong")
    assert told(await api.get(memory_id)) == (404, True, "strong")
    assert told(await api.delete(memory_id)) == (404, True, "strong")


async def test_what_never_was_says_who_was_asked(api: Api) -> None:
    """Not found is somebody's answer."""
    assert told(await api.get(ABSENT)) == (404, True, "strong")
    assert told(await api.update(ABSENT, content="coffee")) == (404, True, "strong")


async def test_who_was_not_asked_is_not_named(api: Api) -> None:
    """What breaks a rule is refused at the door."""
    assert told(await api.remember("")) == (422, False, None)
