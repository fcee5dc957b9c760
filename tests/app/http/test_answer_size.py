"""Answers are bounded in bytes, whatever keeps the memories: one store, a chain behind its overlay, or mem0."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from providers.native.embedded import EmbeddedServer
from tests.support.api import Api, asgi_client, fresh_user, problem_in, running_app
from tests.support.chains import two_providers
from tests.support.mem0_spec import SpecServer
from tests.support.postgres import create_database, drop_database

MIB = 1024 * 1024
KEY = "m0-key"
# Some 120 kB in JSON: eight of them fit into a mebibyte, and nine do not.
LONG = "🍵" * 30_000
FIT = 8
COUNT = 20
TOO_LARGE = "urn:ninai:problem:answer-too-large"


@asynccontextmanager
async def served(environ: Mapping[str, str]) -> AsyncIterator[Api]:
    """A user of a service whose answers have a mebibyte."""
    environ = {**environ, "NINAI__LIMITS__MAX_ANSWER_BYTES": str(MIB)}
    async with running_app(environ) as app, asgi_client(app) as http:
        yield Api(http, fresh_user())


@asynccontextmanager
async def native(server: EmbeddedServer) -> AsyncIterator[Api]:
    """Over PostgreSQL."""
    dsn = await create_database(server)
    async with served({"DATABASE_URL": dsn, "NINAI__PROVIDERS__NATIVE__EMBEDDER__KIND": "none"}) as api:
        yield api
    await drop_database(server, dsn)


@asynccontextmanager
async def mem0() -> AsyncIterator[Api]:
    """Over a mem0."""
    async with (
        SpecServer(api_key=KEY) as server,
        served({"MEMORY_PROVIDER": "http", "MEM0_BASE_URL": server.base_url, "MEM0_API_KEY": KEY}) as api,
    ):
        yield api


@pytest.fixture(params=["mock", "native", "chain", "mem0"])
async def small(request: pytest.FixtureRequest, tmp_path: Path, postgres_server: EmbeddedServer) -> AsyncIterator[Api]:
    """Each of them in turn; the chain has deleted a memory, which its overlay hides for an hour."""
    kind: str = request.param
    if kind == "native":
        async with native(postgres_server) as api:
            yield api
    elif kind == "mem0":
        async with mem0() as api:
            yield api
    else:
        async with served({"MEMORY_PROVIDER": "mock"} if kind == "mock" else two_providers(tmp_path)) as api:
            await api.delete(await api.stored("deleted"))
            yield api


async def filled(api: Api) -> None:
    """Store more than one answer may hold."""
    for number in range(0, COUNT, 5):
        response = await api.remember_batch(*(f"tea{place} {LONG}" for place in range(number, number + 5)))
        assert response.json()["stored"] == 5


async def batch(api: Api, *queries: dict[str, Any]) -> dict[str, Any]:
    """Ask several questions at once."""
    response = await api.request("POST", "/memory/recall/batch", json={"queries": queries})
    assert response.status_code == 200, response.text
    assert len(response.content) <= MIB + 10_000
    answer: dict[str, Any] = response.json()
    return answer


async def test_a_list_ends_at_the_bound_and_goes_on_there(small: Api) -> None:
    """The pages together are the list; the last one has no cursor."""
    await filled(small)
    seen: list[str] = []
    counts: list[int] = []
    response = await small.page()
    while True:
        page = response.json()
        assert len(response.content) <= MIB
        counts.append(page["count"])
        seen += [memory["content"].split()[0] for memory in page["memories"]]
        if page["next_cursor"] is None:
            break
        response = await small.page(cursor=page["next_cursor"])

    assert counts == [FIT, FIT, COUNT - 2 * FIT]
    assert sorted(seen) == sorted(f"tea{number}" for number in range(COUNT))
    assert (await small.page(offset=COUNT - 1)).json()["count"] == 1


async def test_a_recall_fits_or_is_refused(small: Api) -> None:
    """With as many memories as fit it is answered; the refusal says what to ask for instead."""
    await filled(small)

    answered = await small.recall("🍵 tea1", limit=FIT)
    refused = await small.recall("🍵 tea1", limit=COUNT)

    assert (answered.status_code, len(answered.content) <= MIB) == (200, True)
    if answered.json()["count"] == FIT:  # a store that knows words alone finds one
        assert (refused.status_code, problem_in(refused)["type"]) == (422, TOO_LARGE)
        assert problem_in(refused)["detail"] == f"the answer is larger than {MIB} bytes: ask for fewer memories"


@pytest.mark.thorough
async def test_answers_of_a_batch_fit_together(small: Api) -> None:
    """What does not fit any more is an error in its place; what does is answered, also behind it."""
    await filled(small)
    queries = [{"query": f"tea{number}", "limit": 1} for number in range(COUNT)]

    answer = await batch(small, *queries, {"query": "unheard of", "min_score": 0.99})

    *results, nothing = answer["results"]
    answered = [result for result in results if result["status"] == "answered" and result["count"]]
    failed = [result for result in results if result["status"] == "failed"]
    assert len(answered) == FIT
    assert {result["problem"]["type"] for result in failed} == {TOO_LARGE}
    assert (answer["answered"], answer["failed"]) == (FIT + 1, COUNT - FIT)
    assert (nothing["status"], nothing["count"]) == ("answered", 0)


async def test_by_default_a_page_of_the_longest_memories_is_whole(mock_api: Api) -> None:
    """What users store ordinarily fits into an answer as before."""
    for _ in range(4):
        await mock_api.remember_batch(*["x" * 32_000] * 25)

    page = await mock_api.page(limit=100)

    assert (page.json()["count"], len(page.content) < 4 * MIB) == (100, True)
