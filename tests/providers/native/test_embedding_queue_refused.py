"""What an embedder does not take waits for no vector any more, and keeps no other memory from its own."""

import asyncio

import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from providers.native import embedding_queue as queue_module
from providers.owners import Owner
from providers.states.digests import digest_of
from providers.types import NewMemory
from tests.providers.native.test_embedding_queue import all_embedded, becomes_true, count, fickle, found, gauge_is
from tests.support.native import host_for, open_native_provider, refused_of

WITH_VECTOR = "embedding IS NOT NULL"


async def stored(database: str, *contents: str) -> None:
    """Store memories of Anna without a vector."""
    async with open_native_provider(database) as provider:
        await provider.remember_many([NewMemory(owner=Owner("anna"), content=content) for content in contents])


def mixed(poison: int, tea: int) -> list[str]:
    """Texts of which some hold the word that an embedder may refuse."""
    return [f"poison {n}" for n in range(poison)] + [f"tea {n}" for n in range(tea)]


async def test_a_refused_text_waits_for_nothing(database: str) -> None:
    """The gauge returns to zero, the others have their vectors, a counter and the log tell, words find it."""
    embedder, host = fickle(), host_for()
    embedder.poison = {"poison"}
    await stored(database, *mixed(5, 195))
    with capture_logs() as logs:
        async with open_native_provider(database, embedder, host=host) as provider:
            await all_but(database, 5)
            await gauge_is(host, 0)
            assert len(await found(provider, "poison")) >= 5

    assert refused_of(host) == 5
    assert len([log for log in logs if log["event"] == "embedding_refused"]) == 5


async def all_but(database: str, left: int) -> None:
    """Wait until all memories but so many have a vector, and the others have been refused."""

    async def holds() -> bool:
        lacking = await count(database, "embedding IS NULL")
        return lacking == left == await count(database, "embedding IS NULL AND refused_version = version")

    await becomes_true(holds)


async def test_a_refused_text_is_not_asked_for_again(database: str) -> None:
    """Neither by this process nor after a restart, but by one with another model, and once it is edited."""
    embedder = fickle()
    embedder.poison = {"poison"}
    await stored(database, *mixed(1, 1))
    async with open_native_provider(database, embedder):
        await all_but(database, 1)
    asked = embedder.asked
    async with open_native_provider(database, embedder, host=(host := host_for())) as provider:
        await gauge_is(host, 0)
        await asyncio.sleep(0.3)
        assert embedder.asked == asked

        [hit] = await provider.recall("anna", "poison 0", 1)
        embedder.down = True
        await provider.update("anna", hit.id, content="medicine")
        await gauge_is(host, 1)
        embedder.down = False
        await gauge_is(host, 0)
        assert await count(database, WITH_VECTOR) == 2

    other = fickle(model="test/newer")
    async with open_native_provider(database, other):
        await all_embedded(database, "test/newer")


async def test_another_model_may_take_what_one_has_refused(database: str) -> None:
    """A memory is not embeddable for a model, not for all of them."""
    embedder = fickle()
    embedder.poison = {"poison"}
    await stored(database, *mixed(2, 2))
    async with open_native_provider(database, embedder):
        await all_but(database, 2)

    async with open_native_provider(database, fickle(model="test/newer"), host=(host := host_for())):
        await all_embedded(database, "test/newer")
        await gauge_is(host, 0)


async def test_where_nothing_is_taken_no_memory_is_to_blame(database: str) -> None:
    """All go on waiting, and the embedder is asked for one batch and left alone."""
    embedder, host = fickle(), host_for()
    embedder.poison = {""}
    await stored(database, *mixed(0, 300))
    async with open_native_provider(database, embedder, host=host):
        await gauge_is(host, 300)
        await asyncio.sleep(1.5)

    assert await count(database, "refused_model IS NOT NULL") == 0
    assert refused_of(host) == 0
    assert embedder.asked == 2 * queue_module.BATCH  # every half of it, and the probe


@pytest.mark.thorough
async def test_a_text_over_which_the_embedder_breaks_keeps_no_other_waiting(database: str) -> None:
    """It goes on waiting itself, since the embedder may be mended; the others are embedded."""
    embedder, host = fickle(), host_for()
    embedder.fatal = {"poison"}
    await stored(database, *mixed(1, 7))
    async with open_native_provider(database, embedder, host=host):

        async def others_are_embedded() -> bool:
            return await count(database, WITH_VECTOR) == 7

        await becomes_true(others_are_embedded, 30.0)
        await gauge_is(host, 1)
        embedder.fatal = set()

    async with open_native_provider(database, embedder, host=(host := host_for())):
        await all_embedded(database)
        await gauge_is(host, 0)


@pytest.mark.thorough
async def test_a_batch_that_takes_too_long_is_made_smaller(database: str) -> None:
    """An embedder that is slow but well gets as few texts at a time as it has the time for."""
    embedder, host = fickle(), host_for()
    embedder.slow_beyond = 20
    await stored(database, *mixed(0, 60))
    async with open_native_provider(database, embedder, host=host):
        await becomes_true(lambda: has_all(database), 30.0)
        await gauge_is(host, 0)


async def has_all(database: str) -> bool:
    """Whether every memory has a vector."""
    return await count(database, "embedding IS NULL") == 0


@pytest.mark.parametrize("newer", [True, False])
async def test_a_state_from_elsewhere_is_a_new_chance(database: str, *, newer: bool) -> None:
    """A memory whose text another replica replaces, in a newer version or in the same one, is embedded."""
    embedder = fickle()
    embedder.poison = {"poison"}
    async with open_native_provider(database) as provider:
        memory_id = await provider.remember("anna", "poison")
        before = await provider.snapshot(Owner("anna"), memory_id)
    assert before is not None
    # Of two texts in one version that with the greater digest counts.
    text, digest = next(
        (text, digest) for n in range(100) if (digest := digest_of(text := f"tea {n}", None)) > before.digest
    )
    async with open_native_provider(database, embedder) as provider:
        await all_but(database, 1)
        embedder.down = True
        await provider.put_many([replace(before, content=text, digest=digest, version=before.version + newer)])
        embedder.down = False
        await all_embedded(database)
        assert (await provider.get("anna", memory_id)).content == text
