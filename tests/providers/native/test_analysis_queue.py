"""What the analyzer found is kept beside a memory, is never that of another text, and is made up for where it lacks."""

from uuid import UUID

import pytest
from sqlalchemy import text

from providers.native.analysis_queue import UNANALYZED, AnalysisQueue
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.search.stored_analysis import stored_analysis
from providers.text.analyzer import ANALYZER_VERSION
from providers.types import Edit, NewMemory
from tests.support.native import open_native_provider
from tests.support.postgres import connected

ANNA = Owner("anna")


async def analysis_of(dsn: str, memory_id: str) -> bytes | None:
    """What the table has of a memory."""
    async with connected(dsn) as connection:
        found: bytes | None = await connection.fetchval("SELECT analysis FROM ninai_memories WHERE id = $1", memory_id)
        return found


async def cold(dsn: str, question: str) -> list[str]:
    """What a process finds that has just been started."""
    async with open_native_provider(dsn) as provider:
        return [record.content for record in await provider.recall("anna", question)]


async def analyzed(provider: PostgresMemoryProvider) -> int:
    """Analyze what waits, and return how many memories that were."""
    return await AnalysisQueue(provider._database).analyze_some()  # noqa: SLF001 - the queue itself waits for minutes


async def test_a_memory_is_analyzed_as_it_is_stored(database: str) -> None:
    """With its speaker, and one that a chain puts as well; a tombstone has nothing."""
    async with open_native_provider(database) as provider:
        memory = NewMemory(owner=ANNA, content="green tea", speaker="Ben", memory_id=str(UUID(int=1)))
        await provider.store_many([memory])
        assert await analysis_of(database, str(UUID(int=1))) == stored_analysis("green tea", "Ben")
        assert await analyzed(provider) == 0
        state = await provider.snapshot(ANNA, str(UUID(int=1)))
        assert state is not None
        await provider.delete("anna", state.id)
        assert await analysis_of(database, state.id) is None
        assert await analyzed(provider) == 0


async def test_an_edit_is_analyzed_later(database: str) -> None:
    """Of the text or the speaker; meanwhile and afterwards the memory is found by what it says now."""
    async with open_native_provider(database) as provider:
        memory_id = await provider.remember("anna", "green tea")
        await provider.update("anna", memory_id, metadata={"hot": True})
        assert await analysis_of(database, memory_id) == stored_analysis("green tea", None)
        await provider.update("anna", memory_id, content="black coffee")
        assert await analysis_of(database, memory_id) is None
        assert (await cold(database, "coffee"), await cold(database, "tea")) == (["black coffee"], [])

        assert await analyzed(provider) == 1
        assert await analysis_of(database, memory_id) == stored_analysis("black coffee", None)
        assert (await cold(database, "coffee"), await cold(database, "tea")) == (["black coffee"], [])
        await provider.change(Edit(owner=ANNA, memory_id=memory_id, speaker="Ben"))
        assert await analysis_of(database, memory_id) is None
        assert await analyzed(provider) == 1
        assert await analysis_of(database, memory_id) == stored_analysis("black coffee", "Ben")
        assert await analyzed(provider) == 0


@pytest.mark.parametrize("change", ["analysis = NULL", "content = 'white tea'"])
async def test_what_the_version_before_wrote_is_found(database: str, change: str) -> None:
    """It knows of no analysis, neither where it stores nor where it edits."""
    async with open_native_provider(database) as provider:
        await provider.remember("anna", "green tea")
        await provider.remember("anna", "black coffee")
        async with connected(database) as connection:
            await connection.execute(f"UPDATE ninai_memories SET {change} WHERE content = 'green tea'")  # noqa: S608 - constants
        [before] = await cold(database, "tea")
        assert await analyzed(provider) == 1
        assert await cold(database, "tea") == [before]
        assert await cold(database, "coffee") == ["black coffee"]


async def test_what_a_newer_version_analyzed_is_left_alone(database: str) -> None:
    """Else two versions would analyze each other's memories again without end; here its texts are analyzed at load."""
    async with open_native_provider(database) as provider:
        memory_id = await provider.remember("anna", "green tea")
        newer = bytes([ANALYZER_VERSION + 1]) + b"whatever"
        async with connected(database) as connection:
            await connection.execute("UPDATE ninai_memories SET analysis = $1", newer)

        assert await analyzed(provider) == 0
        assert await cold(database, "tea") == ["green tea"]
        assert await analysis_of(database, memory_id) == newer


async def test_what_waits_is_found_by_an_index(database: str) -> None:
    """Looking for it costs nothing where nothing waits, however many memories there are."""
    async with open_native_provider(database) as provider, provider._database.transaction() as connection:  # noqa: SLF001 - as above
        await connection.execute(text("SET LOCAL enable_seqscan = off"))
        explained = await connection.scalars(text(f"EXPLAIN SELECT id FROM ninai_memories WHERE {UNANALYZED} LIMIT 9"))  # noqa: S608 - a constant
        plan = "\n".join(explained)
    assert "unanalyzed" in plan or "user_id_id_idx" in plan
    assert "Filter" not in plan
