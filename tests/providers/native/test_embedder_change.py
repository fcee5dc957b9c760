"""An embedder is exchanged while the service runs: no answer is worse meanwhile, and going back costs nothing."""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack

import pytest
from prometheus_client import CollectorRegistry

from observability.metrics import Metrics
from providers.embedders.base import Embedder
from providers.embedders.local import LocalEmbedder
from providers.embedders.minilm.embedder import MiniLMEmbedder
from providers.host import Host
from providers.native.embedding_queue import BATCH
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory, RecallQuery
from tests.providers.native.test_embedding_queue import all_embedded, becomes_true, count
from tests.quality.questions_and_answers import Conversation, conversations
from tests.support.native import GatedEmbedder, HashingEmbedder, ShortenedEmbedder, host_for, open_native_provider
from tests.support.postgres import connected

ANNA = Owner("anna")
Answers = list[list[tuple[str, float]]]


@pytest.fixture(scope="module")
async def local() -> LocalEmbedder:
    """The local model, loaded once."""
    return await LocalEmbedder.load(Metrics(CollectorRegistry()))


@pytest.fixture(scope="module")
def talk() -> Conversation:
    """A conversation with questions about it."""
    return next(one for one in conversations() if one.language == "en")


@pytest.fixture
async def filled(database: str, local: LocalEmbedder, talk: Conversation) -> str:
    """A database with the memories of the conversation, and vectors of the local model."""
    async with open_native_provider(database, local) as provider:
        await provider.store_many(
            [
                NewMemory(owner=ANNA, content=line.text, created_at=line.created_at, session=line.session)
                for line in talk.lines
            ]
        )
    return database


async def answers(provider: PostgresMemoryProvider, talk: Conversation) -> Answers:
    """What is answered to each question, with scores; asked again where the index was not loaded in time."""
    found: Answers = []
    for question in talk.questions:
        hits = await provider.find(RecallQuery(owner=ANNA, query=question.text))
        while hits.degraded:
            await asyncio.sleep(0.05)
            hits = await provider.find(RecallQuery(owner=ANNA, query=question.text))
        found.append([(hit.content, round(hit.similarity_score or 0, 3)) for hit in hits.memories])
    return found


async def answers_of(
    dsn: str, talk: Conversation, embedder: Embedder, former: Sequence[Embedder] = (), recall_cache_mb: int = 256
) -> Answers:
    """What a service with these embedders answers, that begins now and embeds nothing anew."""
    async with open_native_provider(dsn, GatedEmbedder(embedder), former, recall_cache_mb=recall_cache_mb) as provider:
        return await answers(provider, talk)


async def half_way(dsn: str) -> None:
    """Wait until one batch has a second vector."""

    async def holds() -> bool:
        return await count(dsn, "former_model IS NOT NULL") == BATCH

    await becomes_true(holds, 30)


async def none_is_left(dsn: str) -> None:
    """Wait until no memory has a second vector."""

    async def holds() -> bool:
        return await count(dsn, "former_model IS NOT NULL") == 0

    await becomes_true(holds, 30)


def ratio_of(host: Host) -> float | None:
    """The gauge."""
    return host.metrics.registry.get_sample_value("ninai_embedder_change_ratio", {"provider": host.name})


@pytest.mark.thorough
@pytest.mark.parametrize("cache_mb", [256, 0], ids=["index", "database"])
async def test_no_answer_changes_until_all_memories_have_new_vectors(
    filled: str, talk: Conversation, local: LocalEmbedder, cache_mb: int
) -> None:
    """Not at the start, not half-way, not after a restart; then those of the new model alone, and one vector each."""
    new, host = GatedEmbedder(ShortenedEmbedder(local, 64)), host_for()
    before = await answers_of(filled, talk, local, recall_cache_mb=cache_mb)
    async with open_native_provider(filled, new, [local], host=host, recall_cache_mb=cache_mb) as provider:
        at_the_start = await answers(provider, talk)
        new.permit(1)
        await half_way(filled)
        meanwhile = await answers(provider, talk)
        progress = provider.embedding_progress
    async with open_native_provider(
        filled, ShortenedEmbedder(local, 64), [local], recall_cache_mb=cache_mb, former_vectors_kept=0
    ) as provider:
        await all_embedded(filled, new.model)
        await none_is_left(filled)
        after = await answers(provider, talk)
        assert provider.embedding_progress is None

    assert at_the_start == before
    assert meanwhile == before
    assert progress is not None
    assert (progress.model, progress.embedded + progress.waiting) == (new.model, len(talk.lines))
    assert ratio_of(host) == pytest.approx(progress.ratio)
    assert 0 <= progress.ratio < 1
    assert after != before
    assert after == await answers_of(filled, talk, ShortenedEmbedder(local, 64), recall_cache_mb=cache_mb)


@pytest.mark.thorough
async def test_the_recall_index_that_is_loaded_anew_half_way_answers_the_same(
    filled: str, talk: Conversation, local: LocalEmbedder
) -> None:
    """Of vectors of one model some lie in the one column and some in the other; both services answer by it."""
    new = ShortenedEmbedder(local, 64)
    before = await answers_of(filled, talk, local)
    async with open_native_provider(filled, GatedEmbedder(new, permits=1), [local]):
        await half_way(filled)

        assert await answers_of(filled, talk, new, [local]) == before
        assert await answers_of(filled, talk, local) == before  # a process that has not heard of the new one


@pytest.mark.thorough
async def test_going_back_half_way_computes_nothing(filled: str, talk: Conversation, local: LocalEmbedder) -> None:
    """The former vectors take their place again, and those of the new model are dropped in the end."""
    new, old = ShortenedEmbedder(local, 64), GatedEmbedder(local)
    before = await answers_of(filled, talk, local)
    async with open_native_provider(filled, GatedEmbedder(new, permits=1), [local]):
        await half_way(filled)
    async with open_native_provider(filled, old, [new], former_vectors_kept=0) as provider:
        assert await answers(provider, talk) == before
        await all_embedded(filled, local.model)
        await none_is_left(filled)
        assert await answers(provider, talk) == before

    assert old.calls == 0


async def test_what_is_written_meanwhile_has_both_vectors(database: str) -> None:
    """New memories and new texts, so that either model finds them; once former vectors went, only one."""
    old, new = HashingEmbedder(model="test/old"), GatedEmbedder(HashingEmbedder(dims=32, model="test/new"))
    both = "embedding_model = 'test/new' AND former_model = 'test/old'"
    async with open_native_provider(database, old) as provider:
        edited = await provider.remember("anna", "green tea")
        await provider.remember_many([NewMemory(owner=ANNA, content=f"tea {n}") for n in range(3)])  # these wait
        deleted = await provider.remember("anna", "red tea")
    async with open_native_provider(database, new, [old]) as provider:
        await provider.remember("anna", "white tea")
        await provider.update("anna", edited, content="cold coffee")
        await provider.update("anna", deleted, content="hot coffee")
        assert await count(database, both) == 3
        await provider.delete("anna", deleted)
        assert await count(database, "former_embedding IS NOT NULL AND deleted_at IS NOT NULL") == 0
        await provider.update("anna", edited, metadata={"a": 1})
        assert await count(database, both) == 2
    async with open_native_provider(database, HashingEmbedder(dims=32, model="test/new"), [old], former_vectors_kept=0):
        await all_embedded(database, "test/new")
        await none_is_left(database)


async def test_a_former_program_leaves_no_vector_of_another_text(database: str) -> None:
    """It changes the text and the vector that it knows of; the other one goes as well."""
    old, new = HashingEmbedder(model="test/old"), HashingEmbedder(dims=32, model="test/new")
    async with open_native_provider(database, new, [old]) as provider:
        await provider.remember_many([NewMemory(owner=ANNA, content=f"tea {n}") for n in range(2)])
    assert await count(database, "former_model = 'test/old'") == 2

    async with connected(database) as connection:
        await connection.execute("UPDATE ninai_memories SET content = 'coffee' WHERE content = 'tea 0'")

    assert await count(database, "former_model IS NULL AND content = 'coffee'") == 1
    assert await count(database, "former_model = 'test/old' AND content = 'tea 1'") == 1


async def test_former_vectors_stay_for_as_long_as_is_set(database: str) -> None:
    """Once all have new ones; until then a return costs nothing."""
    old, new = HashingEmbedder(model="test/old"), HashingEmbedder(dims=32, model="test/new")
    async with open_native_provider(database, old) as provider:
        await provider.remember_many([NewMemory(owner=ANNA, content=f"tea {n}") for n in range(5)])
    async with open_native_provider(database, new, [old]):
        await all_embedded(database, "test/new")
    assert await count(database, "former_model = 'test/old'") == 5

    async with open_native_provider(database, back := GatedEmbedder(old), [new]):
        await all_embedded(database, "test/old")
    assert await count(database, "former_model = 'test/new'") == 5
    assert back.calls == 0


@pytest.fixture(scope="module")
async def encoder() -> AsyncIterator[Embedder]:
    """The sentence encoder, loaded once."""
    async with AsyncExitStack() as stack:
        metrics = Metrics(CollectorRegistry())
        yield await stack.enter_async_context(MiniLMEmbedder.opened(metrics, words=True, threads=1))


@pytest.mark.thorough
async def test_from_the_local_model_to_the_encoder_and_back(
    filled: str, talk: Conversation, local: LocalEmbedder, encoder: Embedder
) -> None:
    """With real models of 256 and 640 dimensions."""
    before = await answers_of(filled, talk, local)
    async with open_native_provider(filled, GatedEmbedder(encoder, permits=1), [local]) as provider:
        await half_way(filled)
        assert await answers(provider, talk) == before
    async with open_native_provider(filled, encoder, [local]) as provider:
        await all_embedded(filled, encoder.model)
        assert await count(filled, "embedding_dims = 640") == len(talk.lines)
        assert await answers(provider, talk) != before
    async with open_native_provider(filled, back := GatedEmbedder(local), [encoder]) as provider:
        await all_embedded(filled, local.model)
        assert await answers(provider, talk) == before
    assert back.calls == 0
