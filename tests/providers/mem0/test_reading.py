"""Reads of mem0: whose memories they are, what a search misses, and what is more than can be listed."""

import asyncio
from collections.abc import AsyncIterator
from typing import NamedTuple
from uuid import uuid4

import msgspec
import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.errors import Unavailable
from providers.filters import Eq
from providers.mem0.client import open_client
from providers.mem0.codec import KEY as NOTE
from providers.mem0.codec import mark_of, metadata_of
from providers.mem0.dialects.oss import PARTITIONS
from providers.mem0.dialects.platform import PlatformDialect
from providers.mem0.dialects.spec import PAGE_SIZE, SpecDialect
from providers.mem0.names import USERS
from providers.owners import Owner
from providers.replica import Replica
from providers.types import PageQuery, RecallQuery
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0 import DIALECTS, SERVERS, OssServer, opened, texts_of
from tests.support.mem0_memories import Answer
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer
from tests.support.states import live

USER = "anna"
OWNER = Owner(USER)
NOTHING = b'{"results": [], "memories": []}'


class Stage(NamedTuple):
    """A server, the proxy before it, the provider that speaks to the proxy, and what it counts."""

    server: SpecServer | OssServer | PlatformServer
    fickle: FickleHttp
    provider: Replica
    registry: CollectorRegistry

    def dropped(self, reason: str) -> float | None:
        """How many memories were left out for a reason."""
        return self.registry.get_sample_value("ninai_mem0_dropped_total", {"provider": "mem0", "reason": reason})


@pytest.fixture(params=DIALECTS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """One of the dialects, with nothing stored."""
    registry = CollectorRegistry()
    async with (
        SERVERS[request.param]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, request.param, Metrics(registry)) as provider,
    ):
        yield Stage(server, fickle, provider, registry)


def record(user: str, text: str, metadata: object = None) -> dict[str, object]:
    """A memory as each of the servers returns it."""
    scope = {"id": str(uuid4()), "user_id": user, "metadata": metadata, "score": 1.0, "similarity_score": 1.0}
    return scope | {"memory": text, "content": text, "created_at": "2026-07-28T12:00:00Z"}


def answer(*records: dict[str, object]) -> Answer:
    """A list of memories as each of the servers returns it."""
    return Answer(200, {"results": records, "memories": records, "next": None})


def is_search(one: Received) -> bool:
    """Whether this request searches."""
    return "search" in one.path


async def test_what_is_anothers_is_left_out_and_counted(stage: Stage) -> None:
    """A server that mixes up its users shows no user what belongs to another, and the operator sees that it does."""
    theirs, mine = record("bert", "tea of bert"), record(USER, "tea of mine")

    stage.server.say_next(answer(theirs, mine))
    assert [one.content for one in await stage.provider.list_memories(USER)] == ["tea of mine"]
    stage.server.say_next(answer(theirs, mine), answer(theirs, mine))
    assert [one.content for one in await stage.provider.recall(USER, "tea")] == ["tea of mine"]
    stage.server.say_next(answer(theirs, mine), answer(theirs))
    assert [one.content for one in await stage.provider.snapshots(OWNER)] == ["tea of mine"]

    assert (stage.dropped("foreign_user"), stage.dropped("malformed")) == (5, 0)


async def test_what_is_anothers_is_no_user(stage: Stage) -> None:
    """A memory that a server lists among the users does not become the name of a user."""
    await stage.provider.remember(USER, "tea")
    stage.server.say_next(answer(record("bert", "tea of bert"), record(USERS, "no user", mark_of(str(uuid4())))))

    assert await stage.provider.owners() == []
    assert await stage.provider.owners() == [OWNER]


async def test_a_note_that_cannot_be_read_is_left_out_and_counted(stage: Stage) -> None:
    """One memory that is broken hides no other."""
    await stage.provider.remember(USER, "tea that is whole")
    for note in ("{", "[" * 50_000, msgspec.json.encode({"id": str(uuid4()), "version": 1}).decode(), 7):
        stage.server.memories.add({"user_id": USER}, "tea that is broken", {NOTE: note})

    assert [one.content for one in await stage.provider.list_memories(USER)] == ["tea that is whole"]
    assert stage.dropped("malformed") == 4
    assert [one.content for one in await stage.provider.recall(USER, "tea")] == ["tea that is whole"]
    assert stage.dropped("foreign_user") == 0


async def test_an_answer_that_is_full_takes_one_request(stage: Stage) -> None:
    """When mem0 has found as many as were asked for, nothing is looked for beyond them."""
    for number in range(60):
        state = live(USER, f"tea {number}")
        stage.server.memories.add({"user_id": USER}, f"tea {number}", metadata_of(state))

    assert len(await stage.provider.recall(USER, "tea", 10)) == 10
    assert len(stage.fickle.requests) == 1


async def test_an_answer_that_is_everything_takes_one_request(stage: Stage) -> None:
    """Once it is known how many there are, an answer with all of them needs no second look, nor does one more."""
    await stage.provider.remember(USER, "green tea")
    await stage.provider.recall(USER, "tea")
    stage.fickle.requests.clear()

    assert len(await stage.provider.recall(USER, "tea")) == 1
    assert len(stage.fickle.requests) == 1
    await stage.provider.remember(USER, "black tea")
    stage.fickle.requests.clear()
    assert len(await stage.provider.recall(USER, "tea")) == 2
    assert len(stage.fickle.requests) == 1


async def test_what_a_search_misses_is_found_by_its_words(stage: Stage) -> None:
    """Where mem0's index returns nothing of a user, the words of the question still find what has them."""
    await stage.fickle.become(Behaviour.STATUS, status=200, body=NOTHING, only=is_search)
    for text in ("green tea", "black coffee"):
        await stage.provider.remember(USER, text)

    for _ in range(2):
        assert [one.content for one in await stage.provider.recall(USER, "some tea")] == ["green tea"]
    await stage.provider.remember(USER, "more tea")
    assert {one.content for one in await stage.provider.recall(USER, "tea")} == {"green tea", "more tea"}


async def test_conditions_are_met_far_down_the_list(stage: Stage) -> None:
    """A memory that meets a condition is found although many others are nearer to the question."""
    for number in range(120):
        colour = {"colour": "green"} if number == 0 else None
        state = live(USER, f"tea {number}", metadata=colour)
        stage.server.memories.add({"user_id": USER}, f"tea {number}", metadata_of(state))

    found = await stage.provider.recall(USER, "tea", 5, where=Eq(field="colour", value="green"))

    assert [one.content for one in found] == ["tea 0"]


async def test_a_long_memory_counts_as_much_as_a_short_one(stage: Stage) -> None:
    """What is too long to be embedded whole keeps mem0's score."""
    await stage.provider.remember(USER, "tea " * 5_000)
    await stage.provider.remember(USER, "coffee")
    (found,) = [one for one in await stage.provider.recall(USER, "tea") if "tea" in one.content]

    assert found.content == "tea " * 5_000
    assert (found.similarity_score or 0.0) > 0.5


async def test_more_than_can_be_listed_is_said_to_be_partial() -> None:
    """A list that lacks something says so, and nobody takes a part for everything."""
    async with OssServer() as server, opened(server.base_url, "oss") as provider:
        for number in range(1_050):
            server.memories.add({"user_id": USER, "agent_id": PARTITIONS[0]}, f"tea {number}", None)

        page = await provider.page(PageQuery(owner=OWNER, limit=100))
        assert (len(page.memories), page.degraded) == (100, ("partial",))
        with pytest.raises(Unavailable, match="too many"):
            await provider.snapshots(OWNER)


async def test_more_users_than_can_be_listed_are_not_taken_for_all() -> None:
    """A copy of a store, user by user, is not made of a part of them."""
    async with OssServer() as server, opened(server.base_url, "oss") as provider:
        for number in range(1_050):
            server.memories.add({"user_id": USERS, "agent_id": PARTITIONS[0]}, f"user {number}", None)

        with pytest.raises(Unavailable, match="too many"):
            await provider.owners()


async def test_a_list_that_is_whole_is_not_partial(stage: Stage) -> None:
    """What is complete is not said to be less."""
    await stage.provider.remember(USER, "tea")
    page = await stage.provider.page(PageQuery(owner=OWNER))
    found = await stage.provider.find(RecallQuery(owner=OWNER, query="tea"))

    assert (page.degraded, found.degraded) == ((), ())


async def test_pages_without_end_come_to_an_end() -> None:
    """A server whose list never ends is not read for ever, and what was read is not everything."""
    records = [record(USER, "tea")] * PAGE_SIZE
    body = msgspec.json.encode({"results": records, "memories": records, "next": "http://there/?page=2"})
    async with (
        FickleHttp("http://127.0.0.1:9") as fickle,
        open_client(fickle.base_url, request_timeout=30.0, connect_timeout=30.0, concurrency=1) as client,
    ):
        await fickle.become(Behaviour.STATUS, status=200, body=body)
        for dialect in (SpecDialect(client, None, None, max_pages=3), PlatformDialect(client, None, max_pages=3)):
            fickle.requests.clear()
            listing = await dialect.everything(USER)
            assert (len(listing.items), listing.whole, len(fickle.requests)) == (1, False, 3)


async def test_what_a_caller_changes_meanwhile_is_not_stored(stage: Stage) -> None:
    """A memory is what it was when it was handed over."""
    metadata = {"colour": "green"}
    await stage.fickle.become(Behaviour.SLOW, delay=0.05)
    storing = asyncio.create_task(stage.provider.remember(USER, "tea", metadata))
    await asyncio.sleep(0.01)
    metadata["colour"] = "black"

    found = await stage.provider.get(USER, await storing)
    assert found.metadata == {"colour": "green"}


async def test_a_user_is_registered_once(stage: Stage) -> None:
    """However many first memories of a user come at once, the user is looked for and put into the list once."""
    await asyncio.gather(*(stage.provider.remember(USER, f"tea {number}") for number in range(12)))
    await stage.provider.remember(USER, "one more")

    assert texts_of(stage.server, USERS) == [USER]
    assert len(stage.fickle.requests) == 2 + 13
