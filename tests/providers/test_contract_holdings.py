"""What every provider promises of counting what owners hold."""

import pytest

from providers.base import MemoryProvider
from providers.holdings import Holdings, OwnerHoldings, bytes_of
from providers.owners import Owner
from providers.replica import Replica
from tests.support.states import live

CONTENT, METADATA = "தேநீர், ohne Zucker", {"topic": "tea", "cups": [1, 2.5], "hot": True, "with": None}


@pytest.fixture
def replica(provider: MemoryProvider) -> Replica:
    """The provider, which can be brought to the state of another."""
    assert isinstance(provider, Replica)
    return provider


async def test_an_owner_without_memories_holds_nothing(replica: Replica, user: str) -> None:
    """And is none of those who hold anything."""
    assert await replica.holdings_of(Owner(user)) == Holdings()
    assert user not in [one.owner.user for one in await replica.holdings()]


async def test_texts_and_metadata_are_counted_in_bytes_and_deleted_memories_not(replica: Replica, user: str) -> None:
    """Bytes are those of UTF-8, however a store keeps them."""
    states = [live(user, content=CONTENT, metadata=METADATA), live(user, content="tea", metadata=None), live(user)]
    assert await replica.put_many(states) == [None] * 3
    await replica.delete(user, states[2].id)

    expected = Holdings(2, bytes_of(CONTENT, METADATA) + len("tea"))
    assert await replica.holdings_of(Owner(user)) == expected
    assert OwnerHoldings(Owner(user), expected) in await replica.holdings()


async def test_a_page_of_owners_has_all_that_each_of_them_holds(replica: Replica, user: str) -> None:
    """In the order of owners, and behind one of them."""
    users = sorted(f"{user}-{number}" for number in range(3))
    for number, name in enumerate(users, 1):
        await replica.put_many([live(name, content="tea", metadata=None) for _ in range(number)])

    page = await replica.holdings(2, after=Owner(users[0]))

    assert page == [OwnerHoldings(Owner(users[1]), Holdings(2, 6)), OwnerHoldings(Owner(users[2]), Holdings(3, 9))]
