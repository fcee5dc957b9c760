"""A stranger's provider as the only one behind the HTTP API."""

from collections.abc import AsyncIterator
from uuid import UUID

import pytest_asyncio
from litestar import Litestar

from providers.adapter.protocols import BasicProvider
from providers.adapter.provider import ProviderAdapter
from providers.measured import MeasuredProvider
from tests.support.api import Api, asgi_client, fresh_user, problem_in, running_app
from tests.support.five_methods import FiveMethodProvider
from tests.support.spec_mock import MockMemoryProvider

UNSUPPORTED = "urn:ninai:problem:unsupported"


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Litestar]:
    """An application whose provider a test replaces."""
    async with running_app({"MEMORY_PROVIDER": "mock"}) as opened:
        yield opened


@pytest_asyncio.fixture
async def api(app: Litestar) -> AsyncIterator[Api]:
    """A client of it."""
    async with asgi_client(app) as http:
        yield Api(http, fresh_user())


def serve(app: Litestar, stranger: BasicProvider) -> None:
    """Let a stranger's provider answer for the application."""
    adapter = ProviderAdapter(stranger)
    app.state.provider = MeasuredProvider(lambda: adapter, lambda: "stranger", app.state.metrics)


async def test_the_specifications_mock_is_served(app: Litestar, api: Api) -> None:
    """What it can do is done, and what it has no method for is answered with 501."""
    serve(app, MockMemoryProvider())  # type: ignore[no-untyped-call] # printed without types

    memory_id = await api.stored("Green tea", {"colour": "green"})

    assert str(UUID(memory_id)) == memory_id
    assert await api.recalled("tea") == ["Green tea"]
    assert await api.recalled("tea", where={"op": "eq", "field": "colour", "value": "black"}) == []
    for response in (
        await api.page(),
        await api.request("GET", "/memory/changes"),
        await api.get(memory_id),
        await api.delete(memory_id),
        await api.update(memory_id, content="coffee"),
        await api.remember("tea", key="once"),
    ):
        assert (response.status_code, problem_in(response)["type"]) == (501, UNSUPPORTED)
    assert await api.recalled("tea") == ["Green tea"]


async def test_a_provider_with_five_methods_is_served(app: Litestar, api: Api) -> None:
    """Pages, single memories, deletions and batches are emulated; a change alone is not."""
    serve(app, FiveMethodProvider())

    first = await api.stored("green tea")
    batch = (await api.remember_batch("black tea", "coffee")).json()
    assert [item["status"] for item in batch["results"]] == ["stored", "stored"]
    page = (await api.page(limit=2)).json()
    rest = (await api.page(limit=2, cursor=page["next_cursor"])).json()

    assert [memory["content"] for memory in page["memories"]] == ["coffee", "black tea"]
    assert [memory["content"] for memory in rest["memories"]] == ["green tea"]
    assert (await api.get(first)).json()["content"] == "green tea"
    assert (await api.update(first, content="tea")).status_code == 501
    assert (await api.delete(first)).status_code == 200
    assert (await api.delete(first)).status_code == 404
    assert await api.contents() == ["coffee", "black tea"]


async def test_an_outage_of_a_strangers_provider_is_503(app: Litestar, api: Api) -> None:
    """Its words stay on this side."""
    stranger = FiveMethodProvider()
    serve(app, stranger)
    stranger.error = RuntimeError("a secret")

    response = await api.recall("tea")

    assert (response.status_code, "secret" in response.text) == (503, False)
