"""The index: made once, refused if it is another program's, and another store when it is made anew."""

import asyncio
from typing import Any

import pytest
from msgspec.structs import replace

from providers.errors import Misconfigured, Unavailable
from providers.opensearch.documents import MAPPING
from providers.replica import Replica
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer, running_opensearch

SHARDS = {"settings": {"number_of_shards": 1, "number_of_replicas": 0}}


def with_field(**fields: Any) -> dict[str, Any]:  # noqa: ANN401 - JSON
    """Return our mapping with other fields."""
    return {**MAPPING, "properties": MAPPING["properties"] | fields}


@pytest.mark.parametrize(
    ("mapping", "refused"),
    [
        ({"properties": {"title": {"type": "text"}}}, "another program"),
        ({**MAPPING, "_meta": {"ninai": {"form": 2}}}, "has the form 2"),
        (with_field(place={"type": "text"}), "differs in place"),
        (with_field(more={"type": "keyword"}), "differs in more"),
        ({**MAPPING, "dynamic": "true"}, "differs in dynamic"),
    ],
)
async def test_an_index_that_is_not_ours_is_refused(
    opensearch_server: OpenSearchServer, mapping: dict[str, Any], refused: str
) -> None:
    """Nothing is written to it, and the refusal says what differs."""
    settings = opensearch_server.settings()
    index = f"{settings.index}-000001"
    opensearch_server.ask("PUT", f"/{index}", {**SHARDS, "mappings": mapping, "aliases": {settings.index: {}}})
    async with settings.open(host_for()) as provider:
        with pytest.raises(Misconfigured, match=refused):
            await provider.remember("ann", "tea")
        assert refused in str((await provider.health_check()).error)
    assert opensearch_server.ask("GET", f"/{index}/_count")["count"] == 0


async def test_an_index_that_may_lose_what_it_confirms_is_refused(opensearch_server: OpenSearchServer) -> None:
    """It writes to its disk every few seconds then, whatever was confirmed."""
    settings = opensearch_server.settings()
    forgetful = {"settings": {"index": {"translog": {"durability": "async"}}}}
    made = {**forgetful, "mappings": MAPPING, "aliases": {settings.index: {}}}
    opensearch_server.ask("PUT", f"/{settings.index}-000001", made)
    async with settings.open(host_for()) as provider:
        with pytest.raises(Misconfigured, match="durability to request"):
            await provider.remember("ann", "tea")


async def test_an_index_in_the_place_of_the_alias_is_refused(opensearch_server: OpenSearchServer) -> None:
    """It was made by whoever wrote to a name that did not exist."""
    settings = opensearch_server.settings()
    opensearch_server.ask("PUT", f"/{settings.index}", SHARDS)
    async with settings.open(host_for()) as provider:
        with pytest.raises(Misconfigured, match="no alias of ours"):
            await provider.list_memories("ann")


async def test_many_processes_make_one_index(opensearch_server: OpenSearchServer) -> None:
    """Each of them finds the same store."""
    settings = opensearch_server.settings()

    async def identity() -> str:
        async with settings.open(host_for()) as provider:
            return await provider.identity()

    assert len(set(await asyncio.gather(*(identity() for _ in range(8))))) == 1


async def test_whoever_only_looks_makes_no_index(opensearch_server: OpenSearchServer) -> None:
    """A server without one is healthy."""
    settings = opensearch_server.settings()
    async with settings.opened_to_look(host_for()) as provider:
        assert (await provider.health_check()).healthy
        await provider.ping()
        assert await provider.moment() is not None
    assert settings.index not in str(opensearch_server.ask("GET", "/_aliases"))


async def test_an_index_that_is_made_anew_is_another_store(opensearch_server: OpenSearchServer) -> None:
    """A write into one that was deleted does not make a wrong one, and the next one finds a right one."""
    settings = opensearch_server.settings()
    async with settings.open(host_for()) as provider:
        before = await provider.introduce()
        await provider.remember("ann", "tea")
        opensearch_server.ask("DELETE", f"/{settings.index}-000001")
        with pytest.raises(Unavailable):
            await provider.remember("ann", "coffee")
        memory_id = await provider.remember("ann", "coffee")
        after = await provider.introduce()

        assert [memory.id for memory in await provider.list_memories("ann")] == [memory_id]
        assert [hit.id for hit in await provider.recall("ann", "tea coffee")] == [memory_id]
    assert before.identity != after.identity
    assert before.lineage != after.lineage


async def test_a_server_that_was_emptied_is_another_store() -> None:
    """What ranked its memories forgets them as well."""
    with running_opensearch() as server:
        async with server.settings().open(host_for()) as provider:
            before = await provider.identity()
            await provider.remember("ann", "tea")
            assert len(await provider.recall("ann", "tea")) == 1
            await asyncio.to_thread(server.kill)
            await asyncio.to_thread(server.start)
            assert await provider.identity() != before
            assert await provider.recall("ann", "tea") == []
            assert await provider.owners() == []


async def test_two_indexes_are_two_stores(opensearch_server: OpenSearchServer) -> None:
    """On one server, neither sees what the other has."""
    one_of, other_of = opensearch_server.settings(), opensearch_server.settings()
    async with one_of.open(host_for()) as one, other_of.open(host_for()) as other:
        await one.remember("ann", "tea")

        assert await other.list_memories("ann") == []
        assert await other.owners() == []
        assert await one.identity() != await other.identity()


@pytest.mark.thorough
async def test_two_processes_write_memories_of_one_owner(opensearch_server: OpenSearchServer) -> None:
    """At the same time, the same ones too: none is lost, none is there twice, and both find all of them."""
    settings = opensearch_server.settings()

    async def write(provider: Replica, name: str) -> None:
        for number in range(20):
            await provider.remember("ann", f"tea {name} {number}")
            await provider.recall("ann", "tea")
            await provider.remember("ann", f"cup {number}", memory_id=f"00000000-0000-7000-8000-{number:012}")

    async with settings.open(host_for()) as one, settings.open(host_for()) as other:
        await asyncio.gather(write(one, "one"), write(other, "other"), write(one, "once more"))
        listed = {memory.content for memory in await one.list_memories("ann", limit=100)}
        recalled = [
            {hit.content for hit in await provider.recall("ann", "tea cup", limit=100)} for provider in (one, other)
        ]

    assert len(listed) == 80
    assert recalled == [listed, listed]


async def test_shards_are_made_as_configured(opensearch_server: OpenSearchServer) -> None:
    """An owner's memories are all in one of them."""
    settings = replace(opensearch_server.settings(), shards=3)
    async with settings.open(host_for()) as provider:
        for user in ("ann", "ben", "eve"):
            await provider.remember(user, "tea")
        assert [owner.user for owner in await provider.owners()] == ["ann", "ben", "eve"]
    described = opensearch_server.ask("GET", f"/{settings.index}")[f"{settings.index}-000001"]
    assert described["settings"]["index"]["number_of_shards"] == "3"
