"""Inference by mem0: one text becomes none, one or several memories, at once or later."""

from itertools import count

import pytest

from providers.errors import MemoryNotFound, Misconfigured, Unavailable
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0 import KEY, opened, speaking, texts_of
from tests.support.mem0_memories import Answer
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer
from tests.support.states import live

USER = "anna"


@pytest.mark.parametrize(
    ("said", "kept"),
    [
        ("I like tea. I live in Oslo. I have a cat.", ["I like tea.", "I live in Oslo.", "I have a cat."]),
        ("I live in Rome.", ["I live in Rome."]),
        ("I know that.", []),
    ],
)
async def test_what_mem0_infers_is_none_one_or_several(said: str, kept: list[str]) -> None:
    """With `infer`, mem0 decides what is kept of a text; the id is that of the first such memory, or of nothing."""
    async with PlatformServer(api_key=KEY) as server:
        server.memories.add({"user_id": USER}, "I know that.", None)
        async with opened(server.base_url, "platform", infer=True) as provider:
            memory_id = await provider.remember(USER, said, {"large": 10**30})
            listed = [one.content for one in await provider.list_memories(USER)]

            assert sorted(listed) == sorted([*kept, "I know that."])
            if kept:
                assert (await provider.get(USER, memory_id)).content == kept[0]
                assert await provider.delete(USER, memory_id) is True
                assert texts_of(server, USER) == ["I know that.", *kept[1:]]
            else:
                with pytest.raises(MemoryNotFound):
                    await provider.get(USER, memory_id)


async def test_states_are_stored_as_they_are_although_mem0_infers() -> None:
    """What a chain brings is never taken apart."""
    state = live(USER, "I like tea. I live in Oslo.")
    async with PlatformServer(api_key=KEY) as server:
        async with opened(server.base_url, "platform", infer=True) as provider:
            assert await provider.put_many([state]) == [None]
            assert await provider.snapshot(state.owner, state.id) == state

        assert texts_of(server, USER) == ["I like tea. I live in Oslo."]


async def test_the_specification_infers_nothing() -> None:
    """`infer` where it cannot be had is refused, and nothing is stored."""
    async with SpecServer() as server, opened(server.base_url, "spec", infer=True) as provider:
        with pytest.raises(Misconfigured):
            await provider.remember(USER, "I like tea.")

        assert texts_of(server, USER) == []


async def test_work_that_is_put_off_is_waited_for() -> None:
    """What mem0 extracts later is there when the call returns, with all of its ids."""
    ticks = count()
    async with PlatformServer(api_key=KEY, extraction_delay=6.0, clock=lambda: float(next(ticks))) as server:
        async with speaking(server.base_url, "platform") as dialect:
            ids = await dialect.infer("anna", "I like tea. I live in Oslo.", None)

        assert sorted(ids) == sorted(memory.id for memory in server.memories)
        assert len(ids) == 2
        assert len(server.requests) > 2


@pytest.mark.parametrize("status", [401, 404, 429, 500, 503])
async def test_work_that_cannot_be_looked_at_may_be_done(status: int) -> None:
    """What was put off may be done although no look at it succeeds."""
    async with (
        PlatformServer(api_key=KEY) as server,
        FickleHttp(server.base_url) as fickle,
        speaking(fickle.base_url, "platform") as dialect,
    ):
        await fickle.become(Behaviour.STATUS, status=status, only=lambda one: one.path.startswith("/v1/event/"))
        with pytest.raises(Unavailable) as caught:
            await dialect.infer("anna", "I like tea.", None)

    assert caught.value.ambiguous


async def test_work_that_failed_is_not_done() -> None:
    """What mem0 says it could not do may be asked for again."""
    async with PlatformServer(api_key=KEY) as server, speaking(server.base_url, "platform") as dialect:
        pending = {"message": "queued", "event_id": "e", "status": "PENDING"}
        server.say_next(Answer(200, pending), Answer(200, {"id": "e", "status": "FAILED", "results": None}))
        with pytest.raises(Unavailable) as caught:
            await dialect.infer("anna", "I like tea.", None)

    assert not caught.value.ambiguous
