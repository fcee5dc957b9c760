"""What users are called at mem0: every user apart, whatever characters their ids have."""

from collections.abc import AsyncIterator
from itertools import combinations

import pytest

from observability.secret import Secret
from providers.errors import MemoryNotFound
from providers.mem0.names import STORE, USERS, deleted_of, name_of, owner_of
from providers.mem0.settings import Mem0Settings
from providers.native.embedded import EmbeddedServer
from providers.owners import Owner
from providers.replica import Replica
from tests.support.mem0 import SERVERS, host, opened
from tests.support.mem0_oss import Mem0Process
from tests.support.postgres import create_database, drop_database

ODD = [
    "anna",
    "Anna",
    " anna",
    "anna ",
    "anna\u2003",
    "an na",
    "an*",
    "***",
    "%",
    "%20",
    "an%20na",
    "an%2Ana",
    "%2A",
    "%ninai:store",
    "%ninai:users",
    "%ninai:deleted:anna",
    "ninai:store",
    "anna/../bert?user_id=*&x=#",
    "ánna",
    "a\u0301nna",
    "安娜",
    "😀",
    "x" * 256,
    "*" * 256,
    "\u3000" * 255 + "x",
    "語" * 256,
]


def test_names_are_as_different_as_users() -> None:
    """No two users share a name, nor one a name with another's tombstones or with what is our own."""
    names = [name for user in ODD for name in (name_of(Owner(user)), deleted_of(Owner(user)))]

    assert len({*names, STORE, USERS}) == len(names) + 2
    assert [owner_of(name_of(Owner(user))).user for user in ODD] == ODD
    assert [owner_of(deleted_of(Owner(user))).user for user in ODD] == ODD


@pytest.mark.parametrize("user", ODD)
def test_a_name_has_nothing_that_mem0_misreads(user: str) -> None:
    """No wildcard is in it, and nothing that would be trimmed."""
    for name in (name_of(Owner(user)), deleted_of(Owner(user))):
        assert "*" not in name
        assert name.split() == [name]


def test_a_plain_user_is_called_as_it_is() -> None:
    """A user that mem0 knows already is found there."""
    assert [name_of(Owner(user)) for user in ("anna", "安娜", "a@b.c", "x:y/z")] == ["anna", "安娜", "a@b.c", "x:y/z"]


@pytest.fixture(scope="module", params=["spec", "platform", pytest.param("oss", marks=pytest.mark.soak)])
async def provider(request: pytest.FixtureRequest, postgres_server: EmbeddedServer) -> AsyncIterator[Replica]:
    """The provider in each dialect; mem0's own is spoken to mem0 itself."""
    if request.param != "oss":
        async with SERVERS[request.param]() as server, opened(server.base_url, request.param) as provider:
            yield provider
        return
    dsn = await create_database(postgres_server)
    async with Mem0Process(dsn, api_key="key") as mem0:
        settings = Mem0Settings(base_url=mem0.base_url, api_key=Secret("key"), dialect="oss")
        async with settings.open(host()) as provider:
            yield provider
    await drop_database(postgres_server, dsn)


@pytest.mark.thorough
async def test_what_one_does_no_other_sees(provider: Replica) -> None:
    """Each of all odd users finds what is theirs alone, and a delete touches nobody else."""
    ids = {user: await provider.remember(user, f"tea of {number}") for number, user in enumerate(ODD)}

    for number, user in enumerate(ODD):
        assert [one.content for one in await provider.list_memories(user)] == [f"tea of {number}"]
        assert [one.content for one in await provider.recall(user, "tea")] == [f"tea of {number}"]
        assert (await provider.get(user, ids[user])).user_id == user
    assert await provider.owners() == [Owner(user) for user in sorted(ODD)]

    for other, user in combinations(ODD[:6], 2):
        with pytest.raises(MemoryNotFound):
            await provider.get(other, ids[user])
        assert await provider.delete(other, ids[user]) is False
    for number, user in enumerate(ODD):
        assert [one.content for one in await provider.list_memories(user)] == [f"tea of {number}"]

    for user in ODD[::2]:
        assert await provider.delete(user, ids[user]) is True
    left = {user: [one.id for one in await provider.list_memories(user)] for user in ODD}
    assert left == {user: [] if user in ODD[::2] else [ids[user]] for user in ODD}
