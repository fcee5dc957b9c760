"""The mark of a chain at mem0: a memory of our own, of which two may be there when a process ended in between."""

from collections.abc import AsyncIterator
from copy import deepcopy
from typing import NamedTuple
from uuid import UUID, uuid4

import msgspec
import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.errors import Unavailable
from providers.introduction import StoreMark
from providers.mem0.codec import mark_of
from providers.mem0.dialects.oss import MAX_TOP_K
from providers.mem0.names import STORE
from providers.mem0.settings import Mem0Settings
from providers.native.embedded import EmbeddedServer
from providers.replica import Replica
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0 import DIALECTS, SERVERS, OssServer, host, opened, speaking, texts_of
from tests.support.mem0_oss import Mem0Process
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer
from tests.support.rollback import copied, put_back, stopped

NAME_KEY, MARK_KEY = str(UUID(int=1)), str(UUID(int=2))  # as they stand in every mem0 that was ever used
FIRST = StoreMark(installation="an installation", journal="a journal", epoch=1, number=5, at=1_700_000_000.5)
SECOND = replace(FIRST, number=6)


class Scene(NamedTuple):
    """A server, its dialect, and a provider that speaks it."""

    server: SpecServer | OssServer | PlatformServer
    dialect: str
    provider: Replica

    async def put(self, text: str) -> None:
        """Store a text as somebody's mark."""
        async with speaking(self.server.base_url, self.dialect) as speaker:
            await speaker.add(STORE, MARK_KEY, text, mark_of(MARK_KEY))


@pytest.fixture(params=DIALECTS)
async def scene(request: pytest.FixtureRequest) -> AsyncIterator[Scene]:
    """Each dialect."""
    async with SERVERS[request.param]() as server, opened(server.base_url, request.param) as provider:
        yield Scene(server, request.param, provider)


async def test_an_introduction_is_one_call(scene: Scene) -> None:
    """Name and mark come in one list; a mark costs one call more for what is added and for each that is removed."""
    await scene.provider.introduce()
    former = None
    for mark, calls in [(FIRST, 2), (SECOND, 3)]:
        scene.server.requests.clear()
        assert await scene.provider.leave_mark(mark, former)
        assert len(scene.server.requests) == calls
        former = mark

    scene.server.requests.clear()
    assert (await scene.provider.introduce()).mark == SECOND
    assert len(scene.server.requests) == 1


async def test_only_the_last_mark_stays(scene: Scene) -> None:
    """However many were left, mem0 holds the name and one mark."""
    await scene.provider.introduce()
    former = None
    for number in range(5):
        mark = replace(FIRST, number=number)
        assert await scene.provider.leave_mark(mark, former)
        former = mark

    assert len(texts_of(scene.server, STORE)) == 2


@pytest.mark.parametrize("greater", [SECOND, replace(FIRST, epoch=2, number=0)])
async def test_of_two_marks_the_greater_one_counts(scene: Scene, greater: StoreMark) -> None:
    """So it is if a process ended before it had removed the former one, and the next mark removes both."""
    for mark in (greater, FIRST):
        await scene.put(msgspec.json.encode(mark).decode())

    assert (await scene.provider.introduce()).mark == greater
    assert await scene.provider.leave_mark(replace(greater, epoch=3), FIRST) is False
    assert await scene.provider.leave_mark(replace(greater, epoch=3), greater) is True
    assert len(texts_of(scene.server, STORE)) == 2


async def test_a_removal_that_fails_leaves_the_mark(scene: Scene) -> None:
    """Who left it is told that the outcome is unknown, and the next look tells that it was left."""
    async with FickleHttp(scene.server.base_url) as proxy, opened(proxy.base_url, scene.dialect) as provider:
        await provider.leave_mark(FIRST, None)
        await proxy.become(Behaviour.STATUS, status=503, only=lambda received: received.method == "DELETE")
        with pytest.raises(Unavailable):
            await provider.leave_mark(SECOND, FIRST)

    assert sum("number" in text for text in texts_of(scene.server, STORE)) == 2
    assert (await scene.provider.introduce()).mark == SECOND


async def test_a_mark_that_is_not_stored_is_not_taken_for_left(scene: Scene) -> None:
    """An addition that mem0 refuses leaves the former mark in place."""
    async with FickleHttp(scene.server.base_url) as proxy, opened(proxy.base_url, scene.dialect) as provider:
        await provider.leave_mark(FIRST, None)
        added = ("/v1/memories/", "/memories", "/v3/memories/add/")
        await proxy.become(Behaviour.STATUS, status=503, only=lambda it: it.method == "POST" and it.path in added)
        with pytest.raises(Unavailable):
            await provider.leave_mark(SECOND, FIRST)

    assert (await scene.provider.introduce()).mark == FIRST


@pytest.mark.parametrize("text", ["tea", "{}", '{"installation": 1}', "[]"])
async def test_what_is_no_mark_is_none(scene: Scene, text: str) -> None:
    """A text that nobody can read was written by somebody else, and stands in nobody's way."""
    await scene.put(text)

    assert (await scene.provider.introduce()).mark is None
    assert await scene.provider.leave_mark(FIRST, None) is True
    assert (await scene.provider.introduce()).mark == FIRST


async def test_the_version_before_finds_the_name_beside_a_mark(scene: Scene) -> None:
    """It knows no marks, and looks for the name by its key."""
    await scene.provider.leave_mark(FIRST, None)
    identity = await scene.provider.identity()
    async with speaking(scene.server.base_url, scene.dialect) as speaker:
        found = await speaker.find([STORE], NAME_KEY)

    assert [f"mem0:{item.text}" for item in found if item.user == STORE] == [identity]


async def test_a_part_of_the_list_is_no_introduction() -> None:
    """Where mem0 cannot list all that is ours, nobody knows whether there is a mark, or a name."""
    async with OssServer() as server, opened(server.base_url, "oss") as provider:
        for number in range(MAX_TOP_K):
            server.memories.add({"user_id": STORE}, f"somebody's {number}", {})
        with pytest.raises(Unavailable, match="all"):
            await provider.introduce()
        with pytest.raises(Unavailable, match="all"):
            await provider.leave_mark(FIRST, None)
        assert len(texts_of(server, STORE)) == MAX_TOP_K


@pytest.mark.parametrize("by_itself", [True, False])
async def test_a_new_epoch_lets_this_process_forget(scene: Scene, by_itself: bool) -> None:  # noqa: FBT001 - a case
    """What it knew of a mem0 that was put back hides nothing that is there, whichever process begins the epoch."""
    server, provider = scene.server, scene.provider
    await provider.leave_mark(FIRST, None)
    await provider.introduce()
    memory_id = await provider.remember("anna", "tea", memory_id=str(uuid4()))
    backup = deepcopy(server.memories)
    await provider.delete("anna", memory_id)
    server.memories = backup
    assert await provider.list_memories("anna") == []

    anew = replace(FIRST, epoch=2)
    if by_itself:
        await provider.leave_mark(anew, FIRST)
    else:
        async with opened(server.base_url, scene.dialect) as other:
            await other.leave_mark(anew, FIRST)
        await provider.introduce()

    assert [memory.id for memory in await provider.list_memories("anna")] == [memory_id]


@pytest.mark.soak
async def test_a_real_mem0_put_back_tells_its_former_mark(database: str, postgres_server: EmbeddedServer) -> None:
    """Its library on a database that was restored from a backup has the name and the mark of that time."""
    async with Mem0Process(database, api_key="key") as service:
        settings = Mem0Settings(base_url=service.base_url, api_key=Secret("key"), dialect="oss")
        async with settings.open(host()) as provider:
            memory_id = await provider.remember("anna", "tea")
            await provider.leave_mark(FIRST, None)
            identity = await provider.identity()
            async with stopped(service):
                copy = await copied(postgres_server, database)
            await provider.leave_mark(SECOND, FIRST)
            await provider.delete("anna", memory_id)
            async with stopped(service):
                await put_back(postgres_server, database, copy)
            told = await provider.introduce()
            await provider.leave_mark(replace(FIRST, epoch=2), FIRST)

            assert (told.identity, told.mark) == (identity, FIRST)
            assert [memory.id for memory in await provider.list_memories("anna")] == [memory_id]
