"""One memory out of many copies: answers that were lost, writes that land late, and what others have put in."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import timedelta
from typing import NamedTuple
from uuid import uuid4

import httpx
import pytest

from providers.errors import Conflict, MemoryDeleted, MemoryNotFound, Unavailable
from providers.mem0.codec import metadata_of, text_of
from providers.mem0.names import deleted_of
from providers.owners import Owner
from providers.replica import Replica
from providers.states.clock import new_memory_id
from providers.types import NewMemory, RecallQuery, Snapshot
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0 import DIALECTS, SERVERS, OssServer, adds, opened, texts_of
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer
from tests.support.states import MOMENT, live, tombstone

USER = "anna"
OWNER = Owner(USER)
LOST = [Behaviour.STORE_THEN_HANG, Behaviour.TRUNCATED]


class Stage(NamedTuple):
    """A server, the proxy before it, and the provider that speaks to the proxy."""

    server: SpecServer | OssServer | PlatformServer
    fickle: FickleHttp
    provider: Replica

    def hold(self, state: Snapshot, key: str | None = None) -> None:
        """Put a copy of a state into the server, as the provider would have stored it."""
        run = {} if isinstance(self.server, SpecServer) else {"run_id": key or state.id}
        user = deleted_of(state.owner) if state.deleted else state.user_id
        self.server.memories.add({"user_id": user, **run}, text_of(state), metadata_of(state))

    async def land(self, one: Received) -> None:
        """Let the server hear of a request that came to the proxy before."""
        async with httpx.AsyncClient(base_url=self.server.base_url, trust_env=False) as client:
            answer = await client.request(one.method, one.path, headers=one.headers, content=one.body)
            assert answer.is_success


async def never(_seconds: float) -> None:
    """Sleep for ever, so that nothing is reconciled but by a call."""
    await asyncio.Event().wait()


@pytest.fixture(params=DIALECTS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[Stage]:
    """One of the dialects, with nothing stored."""
    async with (
        SERVERS[request.param]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, request.param, sleep=never, timeout=2.0) as provider,
    ):
        yield Stage(server, fickle, provider)


def stores(text: str) -> Callable[[Received], bool]:
    """Ask a request whether it stores a memory with this text."""
    return lambda one: adds([one]) == 1 and f'"content":"{text}"'.encode() in one.body


async def seen(provider: Replica, memory_id: str) -> list[list[str]]:
    """What every kind of read shows of a user with one memory."""
    return [
        [one.content for one in await provider.list_memories(USER)],
        [one.content for one in await provider.recall(USER, "tea coffee cocoa")],
        [one.content or "deleted" for one in await provider.snapshots(OWNER)],
        [(await provider.get(USER, memory_id)).content],
    ]


@pytest.mark.parametrize("behaviour", LOST)
async def test_a_write_whose_answer_was_lost_is_stored_once(stage: Stage, behaviour: Behaviour) -> None:
    """A retry finds what the first try has stored: one memory to every reader, one copy at mem0."""
    memory_id = new_memory_id()
    await stage.fickle.become(behaviour, only=stores("tea"), times=1)
    with pytest.raises(Unavailable) as caught:
        await stage.provider.remember(USER, "tea", memory_id=memory_id)
    assert caught.value.ambiguous

    assert await stage.provider.remember(USER, "tea", memory_id=memory_id) == memory_id
    assert texts_of(stage.server, USER) == ["tea"]
    assert await seen(stage.provider, memory_id) == [["tea"]] * 4


async def test_a_write_that_lands_beside_its_retry_is_one_memory(stage: Stage) -> None:
    """Two copies of one state are one memory to every reader, and one is left once somebody looks."""
    memory_id = new_memory_id()
    await stage.fickle.become(Behaviour.RESET, only=stores("tea"), times=1)
    with pytest.raises(Unavailable):
        await stage.provider.remember(USER, "tea", memory_id=memory_id)
    await stage.provider.remember(USER, "tea", memory_id=memory_id)
    await stage.land(next(filter(stores("tea"), stage.fickle.requests)))
    assert texts_of(stage.server, USER) == ["tea", "tea"]

    assert await seen(stage.provider, memory_id) == [["tea"]] * 4
    assert (await stage.provider.snapshot(OWNER, memory_id)) is not None
    assert texts_of(stage.server, USER) == ["tea"]


async def test_equal_copies_leave_the_one_with_the_least_id(stage: Stage) -> None:
    """Two processes that clean up at once agree on which copy stays, so that none removes the other's."""
    state = live(USER)
    for _ in range(3):
        stage.hold(state)
    least = min(memory.id for memory in stage.server.memories)

    assert await stage.provider.snapshot(OWNER, state.id) == state
    assert [memory.id for memory in stage.server.memories] == [least]


async def test_a_write_that_lands_after_a_delete_is_never_seen(stage: Stage) -> None:
    """What was deleted before it arrived is shown by no read of this process, and removed by the first look."""
    memory_id = new_memory_id()
    await stage.fickle.become(Behaviour.RESET, only=stores("tea"), times=1)
    with pytest.raises(Unavailable):
        await stage.provider.remember(USER, "tea", memory_id=memory_id)
    assert await stage.provider.delete(USER, memory_id) is False
    await stage.land(next(filter(stores("tea"), stage.fickle.requests)))
    assert texts_of(stage.server, USER) == ["tea"]

    assert await stage.provider.list_memories(USER) == []
    assert await stage.provider.recall(USER, "tea") == []
    assert [one.deleted for one in await stage.provider.snapshots(OWNER)] == [True]
    with pytest.raises(MemoryNotFound):
        await stage.provider.get(USER, memory_id)
    with pytest.raises(MemoryDeleted):
        await stage.provider.remember(USER, "tea", memory_id=memory_id)
    assert texts_of(stage.server, USER) == []


async def test_an_older_version_that_lands_late_never_wins(stage: Stage) -> None:
    """An edit that arrives after a newer one changes nothing, and is cleared away."""
    memory_id = await stage.provider.remember(USER, "tea")
    await stage.fickle.become(Behaviour.RESET, only=stores("coffee"), times=1)
    with pytest.raises(Unavailable):
        await stage.provider.update(USER, memory_id, content="coffee")
    await stage.provider.update(USER, memory_id, content="cocoa")
    await stage.land(next(filter(stores("coffee"), stage.fickle.requests)))
    assert texts_of(stage.server, USER) == ["cocoa", "coffee"]

    assert await seen(stage.provider, memory_id) == [["cocoa"]] * 4
    assert texts_of(stage.server, USER) == ["cocoa"]


async def test_a_tombstone_beside_a_memory_is_stronger(stage: Stage) -> None:
    """A memory that has a tombstone is deleted, however new it is, and its copies go when somebody looks."""
    state = live(USER, version=9_000)
    stage.hold(state)
    stage.hold(tombstone(state, 1_000))

    found = await stage.provider.snapshot(OWNER, state.id)

    assert found is not None
    assert found.deleted
    assert texts_of(stage.server, USER) == []
    assert len(texts_of(stage.server, deleted_of(OWNER))) == 1


async def test_what_breaks_off_between_storing_and_removing_is_mended(stage: Stage) -> None:
    """An edit whose clearing up failed has happened: the new state is read, and the old copy goes later."""
    memory_id = await stage.provider.remember(USER, "tea")
    await stage.fickle.become(Behaviour.STATUS, only=lambda one: one.method == "DELETE", times=1)
    with pytest.raises(Unavailable) as caught:
        await stage.provider.update(USER, memory_id, content="coffee")
    assert caught.value.ambiguous
    assert texts_of(stage.server, USER) == ["tea", "coffee"]

    assert await seen(stage.provider, memory_id) == [["coffee"]] * 4
    assert texts_of(stage.server, USER) == ["coffee"]


async def test_a_fresh_id_is_stored_with_one_request(stage: Stage) -> None:
    """What cannot be there is not looked for; what was tried before is, and is not stored again."""
    await stage.provider.remember(USER, "registered")
    memory_id = new_memory_id()
    stage.fickle.requests.clear()

    await stage.provider.remember(USER, "tea", memory_id=memory_id)
    await stage.provider.remember(USER, "minted there")
    assert (len(stage.fickle.requests), adds(stage.fickle.requests)) == (2, 2)

    stage.fickle.requests.clear()
    await stage.provider.remember(USER, "tea", memory_id=memory_id)
    with pytest.raises(Conflict):
        await stage.provider.remember(USER, "coffee", memory_id=memory_id)
    await stage.provider.remember(USER, "of another's making", memory_id=str(uuid4()))
    assert adds(stage.fickle.requests) == 1
    assert len(stage.fickle.requests) > 3


async def test_an_old_id_is_looked_for_first(stage: Stage) -> None:
    """An id that was made a while ago may be there by another process."""
    state = live(USER, "tea", id=new_memory_id(lambda: int(MOMENT.timestamp() * 1000)))
    stage.hold(state)

    await stage.provider.remember(USER, "tea", memory_id=state.id)
    with pytest.raises(Conflict):
        await stage.provider.remember(USER, "coffee", memory_id=state.id)
    assert texts_of(stage.server, USER) == ["tea"]


async def test_a_batch_says_whether_it_may_have_happened(stage: Stage) -> None:
    """Of a batch that broke off some may be stored; questions store nothing."""
    await stage.fickle.become(Behaviour.DOWN)
    with pytest.raises(Unavailable) as searching:
        await stage.provider.recall_many([RecallQuery(owner=OWNER, query="tea")] * 2)
    with pytest.raises(Unavailable) as storing:
        await stage.provider.remember_many([NewMemory(owner=OWNER, content="tea")] * 2)

    assert (searching.value.ambiguous, storing.value.ambiguous) == (False, True)


async def test_what_others_have_put_in_is_adopted(stage: Stage) -> None:
    """A memory without a note of ours is listed, recalled and got under mem0's id, and can be edited and deleted."""
    first, second = (stage.server.memories.add({"user_id": USER}, text, {"by": "them"}) for text in ("tea", "coffee"))

    assert {one.id for one in await stage.provider.list_memories(USER)} == {first.id, second.id}
    assert [one.id for one in await stage.provider.recall(USER, "tea") if one.content == "tea"] == [first.id]
    got = await stage.provider.get(USER, first.id)
    assert (got.content, got.metadata) == ("tea", {"by": "them"})
    assert abs(got.created_at - first.created_at) < timedelta(seconds=1)
    with pytest.raises(MemoryNotFound):
        await stage.provider.get("bert", first.id)

    edited = await stage.provider.update(USER, first.id, content="cocoa")
    assert (edited.id, edited.created_at) == (first.id, got.created_at)
    assert await stage.provider.get(USER, first.id) == edited
    assert await stage.provider.delete(USER, second.id) is True
    assert [one.content for one in await stage.provider.list_memories(USER)] == ["cocoa"]
    assert texts_of(stage.server, USER) == ["cocoa"]
    with pytest.raises(MemoryNotFound):
        await stage.provider.get(USER, second.id)
