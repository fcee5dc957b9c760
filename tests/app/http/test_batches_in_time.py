"""What a batch has done in time is told over HTTP: the rest are errors in their places, or one 503 if that is all."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.support.api import Api, asgi_client, fresh_user, problem_in, running_app
from tests.support.chains import two_providers
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0_spec import SpecServer

KEY = "m0-key"
UNAVAILABLE = "urn:ninai:problem:unavailable"
SOON = {"X-Request-Timeout-Ms": "1500"}
LATER = {"X-Request-Timeout-Ms": "5000"}


def of_mem0(proxy: FickleHttp) -> dict[str, str]:
    """A service over a mem0 alone, behind a proxy."""
    return {"MEMORY_PROVIDER": "http", "MEM0_BASE_URL": proxy.base_url, "MEM0_API_KEY": KEY}


@asynccontextmanager
async def over_mem0(environ: Mapping[str, str]) -> AsyncIterator[tuple[Api, FickleHttp]]:
    """A user of a service over a mem0 that can be made to hang."""
    async with (
        SpecServer(api_key=KEY) as server,
        FickleHttp(server.base_url) as proxy,
        running_app({**of_mem0(proxy), **environ}) as app,
        asgi_client(app) as http,
    ):
        yield Api(http, fresh_user()), proxy


@pytest.fixture
async def alone() -> AsyncIterator[tuple[Api, FickleHttp]]:
    """A single provider without a journal."""
    async with over_mem0({}) as both:
        yield both


@pytest.fixture
async def journalled(tmp_path: Path) -> AsyncIterator[tuple[Api, FickleHttp]]:
    """A single provider behind a journal."""
    async with over_mem0({"NINAI__JOURNAL__KIND": "sqlite", "NINAI__DATA_DIR": str(tmp_path)}) as both:
        yield both


@pytest.fixture(params=["alone", "journalled"])
def either_way(request: pytest.FixtureRequest) -> tuple[Api, FickleHttp]:
    """Each of them in turn."""
    both: tuple[Api, FickleHttp] = request.getfixturevalue(request.param)
    return both


def dear(received: Received) -> bool:
    """Return whether a request is about what takes too long."""
    return b"dear" in received.body


def body_of(texts: Sequence[str]) -> dict[str, Any]:
    """Return the body of a batch of memories."""
    return {"memories": [{"content": text} for text in texts]}


async def asked(api: Api, *queries: str) -> Any:  # noqa: ANN401 - a response
    """Ask questions at once, and wait for a second and a half."""
    body = {"queries": [{"query": query} for query in queries]}
    return await api.request("POST", "/memory/recall/batch", json=body, headers=SOON)


async def test_a_question_that_takes_too_long_fails_alone(either_way: tuple[Api, FickleHttp]) -> None:
    """The others are answered as if it had not been asked."""
    api, mem0 = either_way
    await api.stored("tea")
    await mem0.become(Behaviour.HANG, only=dear)

    response = await asked(api, "tea", "dear", "tea", "tea")

    body = response.json()
    assert (response.status_code, body["answered"], body["failed"]) == (200, 3, 1)
    assert [result["status"] for result in body["results"]] == ["answered", "failed", "answered", "answered"]
    problem = body["results"][1]["problem"]
    assert (problem["status"], problem["type"], problem["detail"]) == (503, UNAVAILABLE, "No answer in time.")
    assert response.headers["memory-degraded"] == "incomplete"


async def test_where_no_question_is_answered_the_batch_may_be_repeated(either_way: tuple[Api, FickleHttp]) -> None:
    """It is refused as a whole, with the time after which to try again."""
    api, mem0 = either_way
    await api.stored("tea")
    await mem0.become(Behaviour.HANG, only=dear)

    refused = await asked(api, "dear", "dear")

    assert (refused.status_code, problem_in(refused)["type"]) == (503, UNAVAILABLE)
    assert int(refused.headers["retry-after"]) >= 1


async def test_what_was_stored_in_time_is_told(alone: tuple[Api, FickleHttp]) -> None:
    """Of the others it is said that they may have been; repeated with its key the batch stores each memory once."""
    api, mem0 = alone
    await mem0.become(Behaviour.HANG, only=dear)
    texts = [word + " long" * 6_000 for word in ("tea", "coffee", "dear", "milk")]  # two of them fill a slice

    stored = await api.request("POST", "/memory/remember/batch", json=body_of(texts), key="a batch", headers=LATER)

    body = stored.json()
    assert (stored.status_code, body["stored"], body["failed"]) == (200, 2, 2)
    problems = [result["problem"] for result in body["results"][2:]]
    assert {(one["status"], one["type"]) for one in problems} == {(503, UNAVAILABLE)}
    assert all("may or may not have happened" in one["detail"] for one in problems)
    await mem0.become(Behaviour.OK)
    again = await api.request("POST", "/memory/remember/batch", json=body_of(texts), key="a batch")
    ids = [[result.get("memory_id") for result in response.json()["results"]] for response in (stored, again)]
    assert (again.json()["stored"], ids[1][:2]) == (4, ids[0][:2])
    assert (stored.headers["memory-degraded"], "memory-degraded" in again.headers) == ("incomplete", False)


async def test_where_nothing_is_known_to_be_stored_the_batch_may_be_repeated(alone: tuple[Api, FickleHttp]) -> None:
    """It is refused as a whole."""
    api, mem0 = alone
    await mem0.become(Behaviour.HANG, only=dear)
    texts = ["dear" + " long" * 6_000] * 3

    refused = await api.request("POST", "/memory/remember/batch", json=body_of(texts), headers=SOON)

    assert (refused.status_code, problem_in(refused)["type"]) == (503, UNAVAILABLE)
    assert "may or may not have happened" in problem_in(refused)["detail"]


@pytest.mark.thorough
async def test_a_chain_answers_a_thousand_questions(tmp_path: Path) -> None:
    """In their order, with its journal's overlay over each."""
    async with running_app(two_providers(tmp_path)) as app, asgi_client(app) as http:
        api = Api(http, fresh_user())
        await api.delete(await api.stored("word0"))
        await api.remember_batch(*(f"word{place}" for place in range(100)))

        response = await api.request(
            "POST",
            "/memory/recall/batch",
            json={"queries": [{"query": f"word{place % 100}"} for place in range(1_000)]},
        )

    found = [[memory["content"] for memory in result["memories"]] for result in response.json()["results"]]
    # Parts of a word are words, too, so that all of them are found; the deleted one is not.
    assert [contents[0] for contents in found] == [f"word{place % 100}" for place in range(1_000)]
    assert {contents.count("word0") for contents in found} <= {0, 1}
