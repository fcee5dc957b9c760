"""How memories in Redis get vectors that they were stored without, and servers that have no vector sets."""

from collections.abc import Sequence
from typing import Any

from msgspec.structs import replace

from observability.secret import Secret
from providers.answers import NO_VECTOR, PARTIAL
from providers.embedders.settings import NoEmbedderSettings
from providers.embedding_progress import EmbeddingProgress
from providers.feed import FeedQuery
from providers.redis.acknowledging import Command
from providers.redis.nearest import VectorSets
from providers.redis.servers import Servers
from providers.redis.vectors import MOST_NOTED, OwnerVectors
from tests.support.following import eventually
from tests.support.native import FickleEmbedder, HashingEmbedder, host_for, waiting_of
from tests.support.redis import RedisServer
from tests.support.redis_vectors import ANN, CAR, FEW, IDLE, few, filled, hashing, members, redis_of, settings_for


class OlderServers(Servers):
    """Servers that do not know the commands of vector sets."""

    def __init__(self, servers: Servers) -> None:
        self._servers = servers

    async def run(self, key: str, commands: Sequence[Command], *, writes: bool = False) -> list[Any]:
        """See `Servers`."""
        known = [("NOSUCH",) if command[0] in {"VSIM", "VADD", "VREM"} else command for command in commands]
        return await self._servers.run(key, known, writes=writes)

    async def infos(self) -> list[dict[str, str]]:
        """See `Servers`."""
        return await self._servers.infos()

    async def close(self) -> None:
        """See `Servers`."""


async def test_what_was_stored_without_vectors_gets_them(redis_server: RedisServer) -> None:
    """In the background, once there is an embedder; each as a change for those that rank, and none in the feed."""
    plain = redis_server.settings()
    async with plain.open(host_for()) as provider:
        car = await provider.remember("ann", "the red car")
        gone = await provider.remember("ann", "a bus")
        await provider.delete("ann", gone)
        assert await provider.recall("ann", "vehicle") == []
        feed = await provider.feed(FeedQuery(owner=ANN))
    async with settings_for(redis_server, hashing(), plain).open(host_for()) as provider:

        async def is_found() -> bool:
            return [memory.id for memory in await provider.recall("ann", "vehicle")] == [car]

        await eventually(is_found)
        after = await provider.feed(FeedQuery(owner=ANN, after=feed.position))

    assert after.changes == []


async def test_what_is_stored_while_the_embedder_fails_is_filled(redis_server: RedisServer) -> None:
    """It is found by its words meanwhile, which the answer says; a text that is refused is asked about once."""
    embedder = FickleEmbedder(hashing())
    host = replace(host_for(), serves=False)
    async with settings_for(redis_server, embedder).open(host) as provider:
        filling = redis_of(provider).parts.filling
        await provider.remember("ann", "water")
        embedder.down = True
        car = await provider.remember("ann", "the red car")
        bus = await provider.remember("ann", "a bus")
        by_words = await provider.find(replace(CAR, query="car"))
        assert await filling.fill() == 0
        assert waiting_of(host) == 2
        told = provider.embedding_progress
        assert told == EmbeddingProgress(model="test/hashing", embedded=1, waiting=2)
        embedder.down, embedder.poison = False, {"bus"}

        async def goes_on() -> bool:
            return await filling.fill() > 0

        await eventually(goes_on)  # it is given a pause after it failed
        assert waiting_of(host) == 0
        assert provider.embedding_progress is None
        asked = embedder.asked
        assert await filling.fill() == 0
        assert embedder.asked == asked
        found, refused = await provider.find(CAR), await provider.recall("ann", "bus")

    assert [memory.id for memory in by_words.memories] == [car]
    assert by_words.degraded == (NO_VECTOR,)
    assert (found.memories[0].id, found.degraded) == (car, ())
    assert [memory.id for memory in refused] == [bus]


async def test_another_model_takes_the_place_of_the_former(redis_server: RedisServer) -> None:
    """Of whatever size: vectors of the former count no more, and its set goes; with none, words find as before."""
    former = settings_for(redis_server, HashingEmbedder())
    async with former.open(IDLE) as provider:
        car = await filled(provider)
        await few(provider).parts.sets.follow(ANN)
        assert car in members(redis_server, provider)
    async with settings_for(redis_server, hashing(model="test/other", dims=32), former).open(IDLE) as provider:
        ours = few(provider)
        meanwhile = await provider.find(CAR)
        assert await ours.parts.filling.fill() == FEW + 3
        await ours.parts.sets.follow(ANN)
        found = await provider.find(CAR)
    async with replace(former, embedder=NoEmbedderSettings()).open(IDLE) as provider:
        by_words = await provider.recall("ann", "car")

    assert car not in {memory.id for memory in meanwhile.memories}
    assert found.memories[0].id == car
    assert [memory.id for memory in by_words] == [car]


async def test_the_set_of_few_memories_goes(redis_server: RedisServer) -> None:
    """Once they are ranked without it."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        await filled(provider)
        parts = few(provider).parts
        await parts.sets.follow(ANN)
        assert members(redis_server, provider)
        parts.sets.most = 100
        await parts.filling.fill()
        assert not members(redis_server, provider)


async def test_a_server_that_knows_no_vector_sets_is_not_asked_for_one(redis_server: RedisServer) -> None:
    """And is not, either, to keep one."""
    async with settings_for(redis_server, hashing()).open(IDLE) as provider:
        parts = few(provider).parts
        sets = VectorSets(OlderServers(parts.servers), parts.keyspace, parts.reader, parts.shelf.vectors, FEW)
        await filled(provider)

        assert await parts.sets.look()
        assert not await sets.look()
        assert (await sets.around(ANN, hashing().vector_of("car"))).ids == []


async def test_a_user_who_may_use_no_vector_sets_ranks_the_newest(redis_server: RedisServer) -> None:
    """As before there were any, and writes as before."""
    redis_server.command("ACL", "SETUSER", "old", "on", ">secret", "~*", "+@all", "-vadd", "-vsim", "-vrem")
    settings = settings_for(redis_server, hashing())
    old = replace(settings, url=Secret(f"unix://old:secret@{redis_server.folder}/socket"))
    try:
        async with old.open(host_for()) as provider:
            ours = few(provider)
            car = await filled(provider)
            found = await provider.find(CAR)
            newest = await provider.find(replace(CAR, query="coffee 3"))
            assert not await ours.parts.sets.look()
            assert await provider.delete("ann", car)
    finally:
        redis_server.command("ACL", "DELUSER", "old")

    assert car not in {memory.id for memory in found.memories}
    assert newest.memories[0].content == f"green coffee {FEW}"
    assert found.degraded == newest.degraded == (PARTIAL,)


def test_only_so_many_memories_are_noted() -> None:
    """Beyond that all are looked through; without an embedder nothing is noted."""
    vectors, without = OwnerVectors(HashingEmbedder()), OwnerVectors(None)
    vectors.note(ANN, map(str, range(MOST_NOTED)))
    enough = vectors.overflowed
    vectors.note(ANN, ["one more"])
    without.note(ANN, ["one"])

    assert (enough, vectors.overflowed) == (False, True)
    assert len(vectors.noted()[ANN]) == MOST_NOTED
    assert vectors.noted() == without.noted() == {}


async def test_memories_that_were_not_noted_are_looked_for(redis_server: RedisServer) -> None:
    """As those that another process has stored, while this one knows of none."""
    plain = redis_server.settings()
    async with settings_for(redis_server, hashing(), plain).open(IDLE) as provider, plain.open(IDLE) as other:
        filling = redis_of(provider).parts.filling
        assert await filling.fill() == 0
        car = await other.remember("ann", "the red car")
        assert await filling.fill() == 0  # not before it looks for those again
        redis_of(provider).parts.shelf.vectors.overflowed = True
        assert await filling.fill() == 1
        found = await provider.recall("ann", "vehicle")

    assert [memory.id for memory in found] == [car]
