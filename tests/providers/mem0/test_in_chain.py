"""mem0 in a chain, as home and as standby: read around, caught up with, filled and emptied into another."""

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from pathlib import Path
from uuid import uuid4

import pytest

from providers.base import MemoryProvider
from providers.errors import MemoryNotFound, Unavailable
from providers.memory.settings import MockSettings
from providers.owners import Owner
from providers.types import NewMemory
from tests.providers.mem0.stage import KEY, MEM0, MOCK, Stage
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.following import eventually
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer
from tests.support.native import native_settings

USER = "kannan"
OWNER = Owner(USER)


@pytest.fixture(params=[SpecServer, pytest.param(PlatformServer, marks=pytest.mark.soak)])
async def stage(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Stage]:
    """No order yet; mem0 is empty and well."""
    make: Callable[..., SpecServer | PlatformServer] = request.param
    async with make(api_key=KEY) as server, FickleHttp(server.base_url) as proxy:
        opened = Stage(server, proxy, tmp_path)
        async with opened.stack:
            yield opened


def adds(received: Received) -> bool:
    """Whether a request stores something, in either dialect."""
    return (received.method, received.path) in {("POST", "/v1/memories/"), ("POST", "/v3/memories/add/")}


async def listed(provider: MemoryProvider) -> set[str]:
    """What a user has."""
    return {record.content for record in await provider.list_memories(USER)}


async def recalled(provider: MemoryProvider, query: str) -> list[str]:
    """What answers a question, best first."""
    return [record.content for record in await provider.recall(USER, query)]


async def filled(stage: Stage) -> Sequence[str]:
    """Store three memories, change the second and delete the third; give their ids."""
    ids = [await stage.provider.remember(USER, text) for text in ("green tea", "black coffee", "red wine")]
    await stage.delivered()  # a change waits until a delivery under way must be over
    await stage.provider.update(USER, ids[1], content="white coffee")
    await stage.provider.delete(USER, ids[2])
    return ids


FILLED = {"green tea", "white coffee"}


async def test_a_standby_answers_for_a_mem0_that_is_down(stage: Stage) -> None:
    """Reads show everything, and say who answered and why."""
    await stage.stand(MEM0, MOCK)
    ids = await filled(stage)
    assert (await listed(stage.provider), stage.noted.provider, stage.noted.degraded) == (FILLED, MEM0, [])
    await stage.proxy.become(Behaviour.DOWN)

    assert (await listed(stage.provider), stage.noted.provider) == (FILLED, MOCK)
    assert stage.noted.degraded == ["home_unavailable"]
    assert (await recalled(stage.provider, "tea"))[0] == "green tea"
    assert (stage.noted.provider, len(stage.noted.degraded)) == (MOCK, 1)
    with pytest.raises(MemoryNotFound):
        await stage.provider.get(USER, ids[2])


async def test_mem0_answers_for_a_home_that_is_another(stage: Stage) -> None:
    """What a standby of mem0's kind has received is what home has."""
    await stage.stand(MOCK, MEM0)
    ids = await filled(stage)
    await stage.delivered()

    assert await listed(stage.at(MEM0)) == await listed(stage.at(MOCK)) == FILLED
    assert await stage.at(MEM0).snapshot(OWNER, ids[1]) == await stage.at(MOCK).snapshot(OWNER, ids[1])


@pytest.mark.thorough
@pytest.mark.parametrize("order", [(MEM0, MOCK), (MOCK, MEM0)], ids="-".join)
@pytest.mark.parametrize("behaviour", [Behaviour.DOWN, Behaviour.STATUS, Behaviour.GARBAGE])
async def test_what_mem0_has_missed_is_delivered(stage: Stage, order: Sequence[str], behaviour: Behaviour) -> None:
    """A write is accepted if mem0 is home, stored if another is; either way it arrives once mem0 is back, once."""
    await stage.stand(*order)
    await stage.proxy.become(behaviour, status=429, headers={"retry-after": "1"})
    stored = await stage.provider.store(NewMemory(owner=OWNER, content="green tea"))
    seen = await listed(stage.provider)
    await stage.proxy.become(Behaviour.OK)
    await stage.delivered()

    assert (not stored.confirmed, bool(stored.degraded)) == (order[0] == MEM0, order[0] == MEM0)
    assert seen == {"green tea"}
    assert [record.content for record in await stage.at(MEM0).list_memories(USER)] == ["green tea"]
    assert [memory.text for memory in stage.server.memories if memory.scope["user_id"] == USER] == ["green tea"]


async def test_what_is_on_its_way_to_mem0_is_found(stage: Stage) -> None:
    """While mem0 answers questions but stores nothing, its answers are as fresh as the journal."""
    await stage.stand(MEM0, MOCK)
    tea, wine = [await stage.provider.remember(USER, text) for text in ("green tea", "red wine")]
    await stage.proxy.become(Behaviour.STATUS, only=adds, status=502)
    await stage.provider.update(USER, tea, content="green tea with mint")
    await stage.provider.delete(USER, wine)
    await stage.provider.remember(USER, "tea in the garden")

    assert set(await recalled(stage.provider, "tea wine")) == {"green tea with mint", "tea in the garden"}
    assert stage.noted.provider == MEM0
    assert await listed(stage.at(MEM0)) == {"green tea", "red wine"}


@pytest.mark.thorough
async def test_a_question_does_not_wait_for_a_whole_batch(stage: Stage) -> None:
    """While mem0 catches up with what it has missed, it is asked questions between, not after that."""
    await stage.stand(MEM0, MOCK)
    await stage.provider.remember(USER, "green tea")
    memories = [NewMemory(owner=OWNER, content=f"cup {number}", memory_id=str(uuid4())) for number in range(100)]
    await stage.proxy.become(Behaviour.SLOW, delay=0.02)
    batch = asyncio.create_task(stage.at(MEM0).remember_many(memories))
    await eventually(lambda: asyncio.sleep(0, len(stage.proxy.acted) > 20))
    before = len(stage.proxy.requests)
    await stage.at(MEM0).recall(USER, "tea")
    asked_meanwhile = len(stage.proxy.requests) - before
    await batch

    assert asked_meanwhile < 50


async def test_a_late_write_does_not_bring_back_what_was_deleted(stage: Stage) -> None:
    """mem0 stores long after it was given up, when the memory is deleted already."""
    await stage.stand(MEM0, MOCK)
    await stage.provider.remember(USER, "red wine")
    await stage.proxy.become(Behaviour.LATE, only=adds, times=2, delay=60)
    tea = await stage.provider.remember(USER, "green tea")
    await stage.proxy.become(Behaviour.OK)
    await stage.provider.delete(USER, tea)
    await stage.delivered()
    await stage.proxy.settled()
    came = [memory.text for memory in stage.server.memories if memory.scope["user_id"] == USER]

    assert "green tea" in came
    assert (await listed(stage.provider), stage.noted.provider) == ({"red wine"}, MEM0)
    assert "green tea" not in await recalled(stage.provider, "tea")
    with pytest.raises(MemoryNotFound):
        await stage.provider.get(USER, tea)


async def test_a_mem0_that_shows_nothing_is_not_trusted(stage: Stage) -> None:
    """It takes everything and has nothing: such a store is out of order, and not a new one."""
    await stage.stand(MOCK, MEM0)
    shown = b'{"memories": [], "results": [], "memory_id": "0c2f0a53-6a3e-4b57-8f0e-0d9b1d6c5a11"}'
    await stage.proxy.become(Behaviour.STATUS, status=200, body=shown)

    with pytest.raises(Unavailable):
        await stage.at(MEM0).identity()


@pytest.mark.thorough
async def test_the_order_is_switched_away_from_mem0(stage: Stage, database: str) -> None:
    """New providers receive everything that mem0 has, also what others have put in, before they answer."""
    await stage.order(mem0=stage.mem0)
    ids = await filled(stage)
    stage.server.memories.add({"user_id": USER}, "put in by others", None)
    everything = FILLED | {"put in by others"}
    await stage.order(native=native_settings(database), mock=MockSettings(), mem0=stage.mem0)
    assert (await listed(stage.provider), stage.noted.provider) == (everything, MEM0)
    await stage.complete()

    assert (await listed(stage.provider), stage.noted.provider) == (everything, "native")
    assert await listed(stage.at(MOCK)) == everything
    assert await stage.at("native").snapshot(OWNER, ids[1]) == await stage.at(MEM0).snapshot(OWNER, ids[1])


@pytest.mark.thorough
async def test_the_order_is_switched_to_mem0(stage: Stage, database: str) -> None:
    """An empty mem0 receives everything that the former home has before it answers."""
    native = native_settings(database)
    await stage.order(native=native)
    ids = await filled(stage)
    await stage.order(mem0=stage.mem0, native=native)
    assert (await listed(stage.provider), stage.noted.provider) == (FILLED, "native")
    await stage.complete()

    assert (await listed(stage.provider), stage.noted.provider) == (FILLED, MEM0)
    assert await stage.at(MEM0).snapshot(OWNER, ids[1]) == await stage.at("native").snapshot(OWNER, ids[1])
