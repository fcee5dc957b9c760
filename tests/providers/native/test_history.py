"""Superseded versions in PostgreSQL: what is dropped, what former programs keep, and what row-level security hides."""

from msgspec.structs import replace

from providers.history import HistoryQuery
from providers.native.history import VersionTable
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.retention import NO_HISTORY, UNDATED_VERSION, Retention
from providers.states.digests import digest_of
from tests.support.native import HashingEmbedder, open_native_provider
from tests.support.postgres import connected

OWNER = Owner("anna")
DAY = 24 * 60 * 60 * 1_000 << 16


async def counted(dsn: str) -> int:
    """Return how many versions there are."""
    async with connected(dsn) as connection:
        return int(await connection.fetchval("SELECT count(*) FROM ninai_history"))


async def changed(provider: PostgresMemoryProvider) -> str:
    """Store a memory, change it twice, and return its id."""
    memory_id = await provider.remember("anna", "tea")
    for text in ("coffee", "milk"):
        await provider.update("anna", memory_id, content=text)
    return memory_id


def keeping(provider: PostgresMemoryProvider, retention: Retention) -> VersionTable:
    """Let a provider keep so much from now on."""
    table: VersionTable = replace(provider.versions, retention=retention)
    provider.versions = table
    return table


async def test_a_sweep_drops_what_is_old(database: str) -> None:
    """And leaves the rest, and the newest ones."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        memory_id = await changed(provider)
        async with connected(database) as connection:
            await connection.execute(
                "UPDATE ninai_history SET version = version - $1::bigint WHERE content = 'tea'", 31 * DAY
            )

        assert await provider.versions.sweep() == 1
        assert await provider.versions.sweep() == 0
        page = await provider.history(HistoryQuery(owner=OWNER, memory_id=memory_id))
        assert [state.content for state in page.versions] == ["milk", "coffee"]


async def test_a_sweep_drops_what_was_refused(database: str) -> None:
    """What nobody could judge, where the memory was another one."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        memory_id = await changed(provider)
        state = await provider.snapshot(OWNER, memory_id)
        assert state is not None
        refused = replace(state, version=UNDATED_VERSION, updated_at=None, content="beer")
        await provider.put_versions([replace(refused, digest=digest_of("beer", None))])
        assert await counted(database) == 3

        assert await provider.versions.sweep() == 1
        assert await provider.versions.sweep() == 0
        assert await counted(database) == 2


async def test_without_history_nothing_is_kept(database: str) -> None:
    """And what was kept is dropped."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        await changed(provider)
        assert await counted(database) == 2
        table = keeping(provider, NO_HISTORY)
        await changed(provider)

        assert await counted(database) == 2
        assert await table.sweep() == 2
        assert await counted(database) == 0
        assert not provider.keeps_history


async def test_the_statements_of_former_programs_keep_versions(database: str) -> None:
    """They know no setting; and a deletion of theirs leaves nothing."""
    async with open_native_provider(database, HashingEmbedder()) as provider:
        memory_id = await changed(provider)
        async with connected(database) as connection:
            await connection.execute(
                "UPDATE ninai_memories SET content = 'wine', version = version + 1 WHERE id = $1::uuid", memory_id
            )
        page = await provider.history(HistoryQuery(owner=OWNER, memory_id=memory_id))
        assert [state.content for state in page.versions] == ["wine", "milk", "coffee", "tea"]
        async with connected(database) as connection:
            await connection.execute(
                "UPDATE ninai_memories SET content = NULL, metadata = NULL, digest = NULL, terms = NULL,"
                " embedding = NULL, embedding_model = NULL, analysis = NULL, unknown = NULL, updated_at = NULL,"
                " deleted_at = now(), version = version + 1 WHERE id = $1::uuid",
                memory_id,
            )

        assert await counted(database) == 0
