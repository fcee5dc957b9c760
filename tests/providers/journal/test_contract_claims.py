"""Every journal promises that a task has one holder at a time."""

import asyncio

from providers.journal.base import Journal
from tests.providers.journal.rig import LONG


async def test_a_task_has_one_holder(journal: Journal, elsewhere: Journal) -> None:
    """The second holder does not get the task, from no process."""
    assert await journal.claim("sweep", "one", LONG) is True
    assert await journal.claim("sweep", "two", LONG) is False
    assert await elsewhere.claim("sweep", "two", LONG) is False


async def test_the_holder_keeps_a_task(journal: Journal) -> None:
    """The holder may claim again, and its time runs anew."""
    await journal.claim("sweep", "one", 0.1)

    assert await journal.claim("sweep", "one", LONG) is True
    await asyncio.sleep(0.15)
    assert await journal.claim("sweep", "two", LONG) is False


async def test_a_task_falls_free(journal: Journal) -> None:
    """After its time another holder gets the task, and then the first one does not; a claim for no time releases it."""
    await journal.claim("sweep", "one", 0.1)
    await asyncio.sleep(0.15)

    assert await journal.claim("sweep", "two", LONG) is True
    assert await journal.claim("sweep", "one", LONG) is False
    assert await journal.claim("sweep", "two", 0) is True
    assert await journal.claim("sweep", "one", LONG) is True


async def test_an_ended_claim_is_dropped(journal: Journal) -> None:
    """A claim that has ended is like none, and one that holds stays when the journal is pruned."""
    await journal.claim("once", "one", 0)
    await journal.claim("sweep", "one", LONG)
    await journal.prune(LONG)

    assert await journal.claim("once", "two", LONG) is True
    assert await journal.claim("sweep", "two", LONG) is False


async def test_each_task_is_claimed_for_itself(journal: Journal) -> None:
    """Another task has another holder."""
    await journal.claim("sweep", "one", LONG)

    assert await journal.claim("fill", "two", LONG) is True


async def test_of_many_at_once_one_gets_a_task(journal: Journal, elsewhere: Journal) -> None:
    """Of many holders that claim it at the same time, in two processes, one gets it."""
    claims = [(journal, elsewhere)[number % 2].claim("sweep", f"holder {number}", LONG) for number in range(20)]

    assert sum(await asyncio.gather(*claims)) == 1
