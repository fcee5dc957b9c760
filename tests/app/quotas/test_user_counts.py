"""What users hold is counted once, kept up with what is written here, and counted anew before a refusal."""

import asyncio

from app.quotas.user_counts import AFTER_FAILURE, AGE, REST_FACTOR, CountedUsers
from providers.errors import Unavailable
from providers.holdings import Holdings
from providers.owners import Owner

ALICE = Owner("alice")


class Store:
    """Holds something of everybody, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked, self.memories, self.now, self.takes, self.down = 0, 1, 0.0, 0.0, False

    async def count(self, owner: Owner) -> Holdings:  # noqa: ARG002 - of everybody the same
        """Return what it holds."""
        self.asked += 1
        await asyncio.sleep(0)
        self.now += self.takes
        if self.down:
            raise Unavailable("down")
        return Holdings(self.memories, 10)

    def clock(self) -> float:
        """Return the seconds of the test."""
        return self.now


async def test_one_count_serves_many_writes() -> None:
    """Also those that wait for it at the same time."""
    store = Store()
    counts = CountedUsers(store.count, store.clock)

    known = await asyncio.gather(*(counts.known(ALICE) for _ in range(5)))
    counts.begin(ALICE, Holdings(2, 20))
    meanwhile = counts.under_way(ALICE)
    counts.end(ALICE, Holdings(2, 20), written=True)
    after = await counts.known(ALICE)

    assert store.asked == 1
    assert len({id(one) for one in known}) == 1
    assert (meanwhile, counts.under_way(ALICE)) == (Holdings(2, 20), Holdings())
    assert after is not None
    assert after.held == Holdings(3, 30)


async def test_what_is_under_way_outlives_a_count_and_what_failed_is_forgotten() -> None:
    """A batch that is larger than the room that is left is not taken item by item as if nothing had been taken."""
    store = Store()
    counts = CountedUsers(store.count, store.clock)
    counts.begin(ALICE, Holdings(2, 20))
    known = await counts.fresh(ALICE)

    assert counts.under_way(ALICE) == Holdings(2, 20)
    counts.end(ALICE, Holdings(2, 20), written=False)
    assert known is not None
    assert (known.held, known.touched, counts.under_way(ALICE)) == (Holdings(1, 10), False, Holdings())


async def test_a_refusal_is_of_a_count_that_nothing_has_touched() -> None:
    """Whoever only asks again within a second is told the same; what was deleted is seen at once."""
    store = Store()
    counts = CountedUsers(store.count, store.clock)
    await counts.known(ALICE)

    await counts.fresh(ALICE)
    assert store.asked == 1
    counts.touch(ALICE)
    store.memories = 0
    fresh = await counts.fresh(ALICE)
    assert (store.asked, fresh and fresh.held) == (2, Holdings(0, 10))
    store.now += 1.5
    await counts.fresh(ALICE)
    assert store.asked == 3


async def test_a_count_that_takes_long_is_made_less_often() -> None:
    """So that counting takes up a twentieth of the time at most."""
    store = Store()
    store.takes = 2.0
    counts = CountedUsers(store.count, store.clock)
    await counts.known(ALICE)

    store.now = AGE + 1
    counts.refresh(ALICE, near=False)
    assert store.asked == 1
    store.now = REST_FACTOR * store.takes + 1
    counts.refresh(ALICE, near=False)
    await asyncio.sleep(0)
    assert store.asked == 2
    await counts.aclose()


async def test_a_store_that_does_not_answer_is_left_alone_for_a_moment() -> None:
    """And nobody waits for it meanwhile."""
    store = Store()
    store.down, store.now = True, 100.0
    counts = CountedUsers(store.count, store.clock)

    assert [await counts.known(ALICE), await counts.known(ALICE)] == [None, None]
    assert store.asked == 1
    store.down, store.now = False, 100.0 + AFTER_FAILURE
    assert await counts.known(ALICE) is not None
