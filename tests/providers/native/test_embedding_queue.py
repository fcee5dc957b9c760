"""Memories stored while the embedder was away get their vectors later, and nobody waits for that."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from typing import Any

import pytest
from sqlalchemy import make_url
from structlog.testing import capture_logs

from providers.base import MemoryProvider
from providers.embedders.base import SLICE_CHARS
from providers.errors import MemoryNotFound
from providers.host import Host
from providers.owners import Owner
from providers.types import NewMemory
from tests.support.native import FickleEmbedder, HashingEmbedder, host_for, open_native_provider, waiting_of
from tests.support.postgres import connected

SYNONYMS = {"automobile": "car", "lorry": "truck"}


def fickle(**others: Any) -> FickleEmbedder:  # noqa: ANN401 - fields of the embedder within
    """An embedder that knows synonyms."""
    return FickleEmbedder(HashingEmbedder(synonyms=SYNONYMS, **others))


async def becomes_true(condition: Callable[[], Awaitable[bool]], seconds: float = 8.0) -> None:
    """Wait until something holds."""
    deadline = time.monotonic() + seconds
    while not await condition():
        assert time.monotonic() < deadline, "it never came true"
        await asyncio.sleep(0.02)


async def count(dsn: str, condition: str) -> int:
    """How many rows fulfil a condition."""
    async with connected(dsn) as connection:
        return int(await connection.fetchval(f"SELECT count(*) FROM ninai_memories WHERE {condition}"))  # noqa: S608 - a constant of the test


async def all_embedded(dsn: str, model: str = "test/hashing") -> None:
    """Wait until every memory has a vector of the model."""

    async def holds() -> bool:
        return await count(dsn, f"deleted_at IS NULL AND embedding_model IS DISTINCT FROM '{model}'") == 0

    await becomes_true(holds)


async def gauge_is(host: Host, expected: float, seconds: float = 8.0) -> None:
    """Wait until the gauge says so."""

    async def holds() -> bool:
        return waiting_of(host) == expected

    await becomes_true(holds, seconds)


async def found(provider: MemoryProvider, query: str) -> list[str]:
    """What Anna finds."""
    return [hit.content for hit in await provider.recall("anna", query)]


async def is_found(provider: MemoryProvider, query: str, content: str) -> None:
    """Wait until Anna finds this first; questions too leave the embedder alone for a while after it failed."""

    async def holds() -> bool:
        return (await found(provider, query))[:1] == [content]

    await becomes_true(holds)


async def test_memories_get_their_vectors_later(database: str) -> None:
    """Stored while the embedder is down, a memory is found by its words at once and by its vector later."""
    embedder, host = fickle(), host_for()
    async with open_native_provider(database, embedder, host=host) as provider:
        embedder.down = True
        await provider.remember("anna", "automobile")
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=f"tea {n}") for n in range(5)])
        assert await found(provider, "automobile") == ["automobile"]
        assert await found(provider, "car") == []
        await gauge_is(host, 6)

        embedder.down = False
        await all_embedded(database)
        await gauge_is(host, 0)
        await is_found(provider, "car", "automobile")


async def test_an_edit_while_the_embedder_is_down_waits_too(database: str) -> None:
    """An edited memory loses its old vector at once, and gets one for its new text later."""
    embedder, host = fickle(), host_for()
    async with open_native_provider(database, embedder, host=host) as provider:
        memory_id = await provider.remember("anna", "automobile")
        embedder.down = True
        await provider.update("anna", memory_id, content="lorry")
        await gauge_is(host, 1)
        assert await count(database, "embedding IS NULL") == 1

        embedder.down = False
        await all_embedded(database)
        await is_found(provider, "truck", "lorry")
        await gauge_is(host, 0)


async def test_what_an_earlier_process_left_is_done(database: str) -> None:
    """A provider finds what waits when it starts, without being told."""
    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=f"tea {n}") for n in range(200)])
    async with open_native_provider(database, fickle(), host=(host := host_for())):
        await all_embedded(database)
        await gauge_is(host, 0)


async def test_a_model_change_embeds_everything_again(database: str) -> None:
    """Under a new model every memory gets a vector of that model, in its dimensions; deleted ones get none."""
    async with open_native_provider(database, fickle()) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=f"tea {n}") for n in range(150)])
        gone = await provider.remember("anna", "automobile")
        await provider.delete("anna", gone)
    async with open_native_provider(database, fickle(model="test/newer", dims=32), host=(host := host_for())):
        await all_embedded(database, "test/newer")
        await gauge_is(host, 0)

    assert await count(database, "embedding_dims = 32") == 150
    assert await count(database, "embedding IS NOT NULL AND deleted_at IS NOT NULL") == 0


async def test_processes_with_two_models_come_to_rest(database: str) -> None:
    """All memories get the model of the process that started last; the other embeds what has no vector, and says so."""
    former, host = fickle(model="test/former"), host_for()
    async with open_native_provider(database, former, host=host) as provider:
        with capture_logs() as logs:
            await provider.remember_many([NewMemory(owner=Owner("anna"), content=f"tea {n}") for n in range(5)])
            async with open_native_provider(database, fickle(model="test/last")):
                await all_embedded(database, "test/last")
                for content in ("automobile", "lorry"):
                    former.down = True
                    await provider.remember("anna", content)
                    former.down = False
                    await gauge_is(host, 0)

        assert await count(database, "embedding IS NULL") == 0
        assert await count(database, "content LIKE 'tea%' AND embedding_model = 'test/last'") == 5
    assert [(log["model"], log["wanted"]) for log in logs if log["event"] == "embedding_model_not_wanted"] == [
        ("test/former", "test/last")
    ]

    async with open_native_provider(database, former):
        await all_embedded(database, "test/former")


async def test_a_role_that_cannot_say_its_model_embeds(database: str) -> None:
    """With leave to write memories alone, it embeds anew as long as nobody else has said which model is wanted."""
    async with open_native_provider(database, HashingEmbedder(model="test/former")) as provider:
        await provider.remember("anna", "tea")
    async with connected(database) as connection:
        await connection.execute("UPDATE ninai_store SET embedding_model = NULL")
        await connection.execute("CREATE ROLE scribe LOGIN")
        await connection.execute("GRANT SELECT, INSERT, UPDATE ON ninai_memories TO scribe")
        await connection.execute("GRANT SELECT ON ninai_schema_version, ninai_store TO scribe")
        dsn = make_url(database).set(username="scribe").render_as_string(hide_password=False)
        with capture_logs() as logs:
            async with open_native_provider(dsn, fickle()):
                await all_embedded(database)
        await connection.execute("DROP OWNED BY scribe")
        await connection.execute("DROP ROLE scribe")

    assert [log["model"] for log in logs if log["event"] == "embedding_model_not_kept"] == ["test/hashing"]


class PausingEmbedder(HashingEmbedder):
    """Holds calls for texts with a word until it is told to go on."""

    def __init__(self, word: str) -> None:
        super().__init__(synonyms=SYNONYMS)
        self.word = word
        self.reached = asyncio.Event()
        self.go_on = asyncio.Event()

    async def embed(self, texts: Any) -> Any:  # noqa: ANN401 - passed on
        """Hold, then embed."""
        if any(self.word in text for text in texts):
            self.reached.set()
            await self.go_on.wait()
        return await super().embed(texts)


async def test_an_update_meanwhile_is_not_given_the_old_vector(database: str) -> None:
    """A memory that is edited or deleted while its vector is made keeps none of it."""
    async with open_native_provider(database) as provider:
        edited = await provider.remember("anna", "automobile")
        deleted = await provider.remember("anna", "automobile too")
    embedder = PausingEmbedder("automobile")
    async with open_native_provider(database, embedder, host=(host := host_for())) as provider:
        await embedder.reached.wait()
        await provider.update("anna", edited, content="lorry")
        await provider.delete("anna", deleted)
        embedder.go_on.set()
        await gauge_is(host, 0)
        await all_embedded(database)
        assert await provider.recall("anna", "car", min_score=0.3) == []
        assert (await found(provider, "truck"))[0] == "lorry"
        with pytest.raises(MemoryNotFound):
            await provider.get("anna", deleted)


async def test_an_edit_of_metadata_meanwhile_is_embedded_all_the_same(database: str) -> None:
    """A memory whose metadata changes while its vector is made gets one soon after."""
    async with open_native_provider(database) as provider:
        memory_id = await provider.remember("anna", "automobile")
    embedder = PausingEmbedder("automobile")
    async with open_native_provider(database, embedder) as provider:
        await embedder.reached.wait()
        await provider.update("anna", memory_id, metadata={"a": 1})
        embedder.go_on.set()
        await all_embedded(database)
        assert (await provider.get("anna", memory_id)).metadata == {"a": 1}


async def test_an_embedder_that_hangs_delays_no_answer_beyond_the_limit(database: str) -> None:
    """While the embedder hangs, memories are stored and found by their words in half the time allowed, then at once."""
    embedder = fickle()
    async with open_native_provider(database, embedder, timeout=1.0) as provider:
        await provider.remember("anna", "automobile")
        embedder.hanging = True
        for allowed in (0.8, 0.2, 0.2):
            started = time.monotonic()
            assert await found(provider, "automobile") == ["automobile"]
            assert time.monotonic() - started < allowed
        started = time.monotonic()
        await provider.remember("anna", "tea")
        assert time.monotonic() - started < 0.8


async def test_embedders_that_hang_are_waited_for_together(database: str) -> None:
    """Two hanging embedders cost no more than one."""
    current, former = fickle(), fickle(model="test/former")
    current.hanging = former.hanging = True
    async with open_native_provider(database) as provider:
        await provider.remember("anna", "automobile")
    async with open_native_provider(database, current, [former], timeout=1.0) as provider:
        question = "an automobile"  # the queue asks for the vector of the memory
        asking = asyncio.create_task(found(provider, question))
        while not (question in current.held and question in former.held):
            assert not asking.done()
            await asyncio.sleep(0.001)
        assert await asking == ["automobile"]


async def test_a_provider_closes_while_the_queue_is_busy(database: str) -> None:
    """Closing in the middle of the work, wherever that is, ends at once, leaves no task, and loses nothing."""
    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=f"tea {n}") for n in range(400)])
    before = asyncio.all_tasks()
    for milliseconds in (0, 5, 10, 15, 20, 30):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(open_native_provider(database, fickle()))
            await asyncio.sleep(milliseconds / 1000)
            started = time.monotonic()
        assert time.monotonic() - started < 1
        assert asyncio.all_tasks() <= before
    embedder = fickle()
    embedder.hanging = True
    async with open_native_provider(database, embedder):
        await asyncio.sleep(0.05)
    assert asyncio.all_tasks() <= before
    async with open_native_provider(database, fickle()):
        await all_embedded(database)


async def test_two_providers_share_the_work(database: str) -> None:
    """Two background tasks at once on the same memories end with every vector set."""
    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=f"tea {n}") for n in range(300)])
    async with open_native_provider(database, fickle()), open_native_provider(database, fickle()):
        await all_embedded(database)


async def test_long_texts_are_embedded_few_at_a_time(database: str) -> None:
    """A batch holds no more characters than one call can bear."""
    longest = 0

    class Measuring(HashingEmbedder):
        async def embed(self, texts: Any) -> Any:  # noqa: ANN401 - passed on
            nonlocal longest
            longest = max(longest, sum(map(len, texts)))
            return await super().embed(texts)

    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content="tea " * 7_500) for _ in range(3)])
    async with open_native_provider(database, Measuring()):
        await all_embedded(database)

    assert 30_000 <= longest <= SLICE_CHARS


async def test_what_a_batch_had_no_time_for_is_embedded_later(database: str) -> None:
    """Of a batch too large for its time the memories without a vector wait for one like all others."""
    embedder, host = PausingEmbedder("automobile"), host_for()
    async with open_native_provider(database, embedder, host=host, timeout=1.0) as provider:
        contents = ["tea " * (SLICE_CHARS // 8)] * 2 + ["automobile"]
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=content) for content in contents])
        await gauge_is(host, 1)
        assert await count(database, "embedding IS NOT NULL") == 2

        embedder.go_on.set()
        await all_embedded(database)
        await is_found(provider, "car", "automobile")


async def test_the_background_task_rests_when_there_is_nothing_to_do(database: str) -> None:
    """An idle provider keeps no session of the server busy."""
    async with open_native_provider(database, fickle()) as provider, connected(database) as observer:
        await provider.remember("anna", "tea")
        await asyncio.sleep(0.2)
        busy = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'ninai' AND state <> 'idle'"
        assert [await observer.fetchval(busy) for _ in range(50)] == [0] * 50
