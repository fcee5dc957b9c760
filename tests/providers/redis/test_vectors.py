"""Vectors beside states in Redis: what they find of few memories, and of too many to be ranked without a vector set."""

import numpy as np
from msgspec.structs import replace

from providers.answers import PARTIAL
from tests.support.alike import assert_ranked_alike
from tests.support.following import eventually
from tests.support.native import FickleEmbedder, host_for, open_native_provider
from tests.support.redis import RedisServer, running_redis
from tests.support.redis_vectors import ANN, CAR, FEW, IDLE, few, filled, hashing, members, redis_of, settings_for
from tests.support.states import live, tombstone


async def test_few_memories_are_ranked_as_home_ranks_them(redis_server: RedisServer, database: str) -> None:
    """With the same embedder: the same answers, scores and name of the ranking as PostgreSQL's."""
    async with (
        settings_for(redis_server, hashing()).open(host_for()) as ours,
        open_native_provider(database, hashing()) as home,
    ):
        await assert_ranked_alike(ours, home)


async def test_of_too_many_memories_those_nearest_are_ranked(redis_server: RedisServer) -> None:
    """An old one that shares no word is found once the set is made, of this user alone; the answer is partial."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        car = await filled(provider)
        ours = few(provider)
        before = await provider.find(CAR)
        await ours.parts.sets.follow(ANN)
        after = await provider.find(CAR)

    assert car not in {memory.id for memory in before.memories}
    assert after.memories[0].id == car
    assert {memory.user_id for memory in after.memories} == {"ann"}
    assert before.degraded == after.degraded == (PARTIAL,)


async def test_a_set_is_made_once_somebody_asks(redis_server: RedisServer) -> None:
    """In the background, and nobody is told to wait for it."""
    async with settings_for(redis_server, hashing()).open(host_for()) as provider:
        car = await filled(provider)
        few(provider)

        async def is_found() -> bool:
            return car in {memory.id for memory in (await provider.find(CAR)).memories}

        await eventually(is_found)


async def test_the_nearest_are_the_nearest_in_truth(redis_server: RedisServer) -> None:
    """Of many, a set names those of the greatest cosines, in their order."""
    embedder = hashing()
    texts = [f"{one} {other}" for one in ("red", "old", "fast", "car") for other in range(50)]
    async with settings_for(redis_server, embedder).open(IDLE) as provider:
        states = [live("ann", text) for text in texts]
        await provider.put_many(states)
        sets = few(provider, wanted=10).parts.sets
        await sets.follow(ANN)
        asked = embedder.vector_of("a fast vehicle")
        named = await sets.around(ANN, asked)

    kept = np.array([embedder.vector_of(text).astype(np.float16).astype(np.float32) for text in texts])
    nearest = np.argsort(-(kept @ asked), kind="stable")[:10]
    assert named.ids == [states[place].id for place in nearest]
    assert named.whole


async def test_beside_the_nearest_some_of_the_newest_are_ranked(redis_server: RedisServer) -> None:
    """Not as many as without a set, so that an answer comes in time."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        car = await filled(provider)
        ours = few(provider, wanted=1)
        await ours.parts.sets.follow(ANN)
        newest = [memory.id for memory in await provider.list_memories("ann")]
        told = {}
        for beside in (1, 2):
            ours.parts.recall.most_beside = beside
            found = await provider.find(replace(CAR, query="red vehicle coffee"))
            told[beside] = {memory.id for memory in found.memories}

    assert told == {1: {car, newest[0]}, 2: {car, *newest[:2]}}


async def test_conditions_hold_for_what_is_nearest(redis_server: RedisServer) -> None:
    """What does not meet them is not told, however near it is."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        state = live("ann", "the blue car", session="morning")
        await provider.put_many([state])
        await filled(provider)
        await few(provider).parts.sets.follow(ANN)
        found = await provider.find(replace(CAR, session="morning"))

    assert [memory.id for memory in found.memories] == [state.id]


async def test_a_set_follows_what_happens_to_memories(redis_server: RedisServer) -> None:
    """New ones join it, what is deleted or says something else leaves at once, and comes back as it is then."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        car = await filled(provider)
        sets = few(provider).parts.sets
        await sets.follow(ANN)
        assert car in members(redis_server, provider)
        added, merged = live("ann", "a bus"), live("ann", "a train")
        await provider.put_many([added, merged])
        await sets.follow(ANN)
        assert {added.id, merged.id} <= members(redis_server, provider)

        await provider.update("ann", car, content="a blue vehicle")
        await provider.delete("ann", added.id)
        await provider.put_many([tombstone(merged, 2_000)])
        assert members(redis_server, provider).isdisjoint({car, added.id, merged.id})
        found = await provider.find(CAR)
        await sets.follow(ANN)
        assert car in members(redis_server, provider)
        assert len(members(redis_server, provider)) == FEW + 2
        again = await provider.find(CAR)

    assert found.memories[0].content == again.memories[0].content == "a blue vehicle"


async def test_a_changed_label_leaves_the_vector(redis_server: RedisServer) -> None:
    """The text is the same, and is not embedded again."""
    embedder = FickleEmbedder(hashing())
    async with settings_for(redis_server, embedder).open(IDLE) as provider:
        car = await provider.remember("ann", "the red car")
        asked = embedder.asked
        await provider.update("ann", car, metadata={"colour": "red"})
        assert embedder.asked == asked
        found = await provider.find(CAR)

    assert [memory.metadata for memory in found.memories] == [{"colour": "red"}]


async def test_a_set_outlives_its_server() -> None:
    """After a kill and the next start it names what it named, and goes on following."""
    with running_redis() as server:
        settings = settings_for(server, hashing())
        async with settings.open(IDLE) as provider:
            car = await filled(provider)
            await few(provider).parts.sets.follow(ANN)
        server.kill()
        server.start()
        async with settings.open(IDLE) as provider:
            found = await few(provider).find(CAR)
            added = await provider.remember("ann", "a bus")
            await redis_of(provider).parts.sets.follow(ANN)
            assert added in members(server, provider)

    assert found.memories[0].id == car


async def test_nothing_of_an_erased_user_stays(redis_server: RedisServer) -> None:
    """Neither a vector nor a set."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        await filled(provider)
        await few(provider).parts.sets.follow(ANN)
        keys = redis_of(provider).parts.keyspace.of(ANN)
        assert redis_server.command("EXISTS", keys.vectors, keys.nearest) == 2
        while await provider.purge(ANN, 2**62, 2):
            pass

    assert redis_server.command("EXISTS", *keys.all) == 0


async def test_what_a_set_names_is_told_only_as_it_is(redis_server: RedisServer) -> None:
    """Names of what is gone, of what never was, and of what has said something else before say nothing."""
    embedder = hashing()
    async with settings_for(redis_server, embedder).open(IDLE) as provider:
        car = await filled(provider)
        await few(provider).parts.sets.follow(ANN)
        await provider.update("ann", car, content="masala chai")
        gone = await provider.remember("ann", "a car")
        await provider.delete("ann", gone)
        vector = embedder.vector_of("car").tobytes()
        for memory_id in (car, gone, live("ann").id):
            key = redis_of(provider).parts.keyspace.of(ANN).nearest
            redis_server.command("VADD", key, "FP32", vector, memory_id, "NOQUANT", "EF", 1, "M", 4)
        found = await provider.find(replace(CAR, min_score=0.4))

    assert [memory.content for memory in found.memories if "coffee" not in memory.content] == []


async def test_a_vector_of_another_text_does_not_count(redis_server: RedisServer) -> None:
    """As one that was left behind by somebody who knows of no vectors; it is made anew."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        keyspace = redis_of(provider).parts.keyspace
        car, tea = await provider.remember("ann", "the red car"), await provider.remember("ann", "masala chai")
        key = keyspace.of(ANN).vectors
        redis_server.command("HSET", key, tea, redis_server.command("HGET", key, car))
        found = await provider.recall("ann", "vehicle")
        assert await redis_of(provider).parts.filling.fill() == 1
        again = await provider.recall("ann", "tea")

    assert [memory.id for memory in found] == [car]
    assert [memory.id for memory in again] == [tea]
