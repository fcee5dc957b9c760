"""Which store a mem0 is, and which users it has: stored at mem0 itself, since it has no call for either."""

import asyncio
from collections.abc import AsyncIterator
from uuid import uuid4

import pytest

from providers.mem0.names import USERS
from providers.owners import Owner
from providers.replica import Replica
from providers.types import NewMemory
from tests.support.mem0 import DIALECTS, SERVERS, OssServer, opened, texts_of
from tests.support.mem0_memories import Memories
from tests.support.mem0_platform import PlatformServer
from tests.support.mem0_spec import SpecServer

Server = SpecServer | OssServer | PlatformServer


@pytest.fixture(params=DIALECTS)
async def stage(request: pytest.FixtureRequest) -> AsyncIterator[tuple[Server, Replica]]:
    """A server, and a provider that speaks its dialect."""
    async with SERVERS[request.param]() as server, opened(server.base_url, request.param) as provider:
        yield server, provider


async def test_two_providers_on_one_mem0_are_one_store(stage: tuple[Server, Replica]) -> None:
    """The first provider that asks names the store, and the name stays."""
    server, provider = stage
    dialect = next(name for name in DIALECTS if isinstance(server, type(SERVERS[name]())))

    async with opened(server.base_url, dialect) as other:
        first = await provider.identity()
        assert await other.identity() == first == await provider.identity()


async def test_a_mem0_made_anew_is_another_store(stage: tuple[Server, Replica]) -> None:
    """With its memories the name is gone, and what this process knew of them is forgotten."""
    server, provider = stage
    first = await provider.identity()
    memory_id = await provider.remember("anna", "tea", memory_id=str(uuid4()))
    await provider.delete("anna", memory_id)

    server.memories = Memories()

    assert await provider.identity() != first
    assert await provider.remember("anna", "tea", memory_id=memory_id) == memory_id
    assert [memory.id for memory in await provider.list_memories("anna")] == [memory_id]
    assert await provider.owners() == [Owner("anna")]


async def test_a_user_is_registered_once(stage: tuple[Server, Replica]) -> None:
    """However many first memories come at once, mem0 holds one entry for the user."""
    server, provider = stage

    await asyncio.gather(*(provider.remember("anna", f"tea {number}") for number in range(20)))

    assert texts_of(server, USERS) == ["anna"]
    assert await provider.owners() == [Owner("anna")]


async def test_a_user_of_another_tenant_is_registered_under_a_name_that_mem0_keeps(
    stage: tuple[Server, Replica],
) -> None:
    """Its entry is no bare user id, and a user of the default tenant who is called like that is another owner."""
    server, provider = stage
    owners = [Owner("anna", "acme"), Owner("%1Facme%1Fanna"), Owner("anna")]

    for owner in owners:
        await provider.store(NewMemory(owner=owner, content="tea"))

    assert texts_of(server, USERS) == ["%1Facme%1Fanna", "%1Facme%1Fanna", "anna"]
    assert await provider.owners() == owners
    assert [[one.owner for one in await provider.snapshots(owner)] for owner in owners] == [[one] for one in owners]
