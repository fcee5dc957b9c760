"""A provider over Redis with vectors, for which few memories are too many to be ranked without a vector set."""

from typing import Any, cast

from msgspec.structs import replace

from providers.embedders.base import Embedder
from providers.embedders.settings import EmbedderSettings
from providers.owners import Owner
from providers.redis.provider import RedisMemoryProvider
from providers.redis.settings import RedisSettings
from providers.replica import Replica
from providers.types import RecallQuery
from tests.support.native import HashingEmbedder, LentEmbedder, host_for
from tests.support.redis import RedisServer

ANN = Owner("ann")
FEW = 3  # memories that are ranked here, so that a few more are too many
SYNONYMS = {"chai": "tea", "vehicle": "car"}
CAR = RecallQuery(owner=ANN, query="vehicle")
IDLE = replace(host_for(), serves=False)  # what follows and fills does so when a test wants it


def hashing(**others: Any) -> HashingEmbedder:  # noqa: ANN401 - see `HashingEmbedder`
    """An embedder for which some words mean the same."""
    return HashingEmbedder(synonyms=SYNONYMS, **others)


def settings_for(server: RedisServer, embedder: Embedder, former: RedisSettings | None = None) -> RedisSettings:
    """Return the settings of a provider with an embedder, in a keyspace that nobody has used or in a former one."""
    return replace(former or server.settings(), embedder=cast("EmbedderSettings", LentEmbedder(embedder)))


def redis_of(provider: Replica) -> RedisMemoryProvider:
    """Return a provider as what it is."""
    assert isinstance(provider, RedisMemoryProvider)
    return provider


def few(provider: Replica, wanted: int = 1_000) -> RedisMemoryProvider:
    """Have a provider rank few memories by itself, and ask vector sets for as many as are wanted."""
    ours = redis_of(provider)
    ours.parts.changes.most = ours.parts.recall.most = ours.parts.sets.most = FEW
    ours.parts.sets.wanted = wanted
    return ours


async def filled(provider: Replica) -> str:
    """Store more memories than are ranked here; return the id of the oldest, the one about a car."""
    car = await provider.remember("ann", "the red car")
    for number in range(FEW + 1):
        await provider.remember("ann", f"green coffee {number}")
    await provider.remember("bea", "a vehicle")
    return car


def members(server: RedisServer, provider: Replica) -> set[str]:
    """Return the ids in Ann's vector set."""
    key = redis_of(provider).parts.keyspace.of(ANN).nearest
    return {memory_id.decode() for memory_id in server.command("VRANDMEMBER", key, 100)}
