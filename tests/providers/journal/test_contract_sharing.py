"""Every journal promises its concurrent users that nothing is lost, done twice or disturbed."""

import asyncio
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager

import pytest

from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import Appended, Done, OutOfDate
from providers.owners import Owner
from tests.providers.journal.rig import LONG, USER, due, entries, put, remember, settle, update

Opener = Callable[[], AbstractAsyncContextManager[Journal]]


async def test_a_journal_has_one_name_for_all(journal: Journal, elsewhere: Journal) -> None:
    """Every process reads the same id, which is not empty."""
    assert journal.id
    assert elsewhere.id == journal.id


async def test_what_is_appended_is_seen_at_once_by_all(journal: Journal, elsewhere: Journal) -> None:
    """When an append is answered, every process finds the operation."""
    for _ in range(20):
        entry = await put(journal, remember())
        assert await journal.newest(Owner(USER), entry.state.id) == entry
        assert await elsewhere.newest(Owner(USER), entry.state.id) == entry
        assert entry in await entries(elsewhere)


async def test_members_are_those_of_all(journal: Journal, elsewhere: Journal) -> None:
    """A member that joins in one process gets what is appended in another."""
    await elsewhere.join("third", None)

    assert (await put(journal, remember())).pending == {"home", "standby", "third"}


async def test_a_journal_outlives_its_processes(opener: Opener) -> None:
    """Operations, settlements and members are there when the journal is opened again."""
    async with opener() as first:
        await first.join("home", "h")
        name = first.id
        kept, gone = await put(first, remember()), await put(first, remember())
        await first.settle([Done(seq=gone.seq, provider="home")])

    async with opener() as second:
        assert second.id == name
        assert [m.name for m in await second.members()] == ["home"]
        assert await entries(second) == [kept]
        assert (await put(second, remember())).seq > gone.seq


async def test_of_one_memory_appended_by_many_there_is_one(journal: Journal, elsewhere: Journal) -> None:
    """Of equal writes at the same time one is appended, and all get the same entry."""
    answers = await asyncio.gather(*[(journal, elsewhere)[number % 2].append([remember("m")]) for number in range(20)])

    appended = [answer for [answer] in answers if isinstance(answer, Appended)]
    assert Counter(answer.repeated for answer in appended) == {False: 1, True: 19}
    assert len({answer.entry.seq for answer in appended}) == 1


async def test_of_edits_of_one_version_one_is_appended(journal: Journal, elsewhere: Journal) -> None:
    """Of edits made from the same version at the same time the first wins, and the others are out of date."""
    await put(journal, remember("m"))
    answers = await asyncio.gather(
        *[
            (journal, elsewhere)[number % 2].append([update("m", f"tea {number}", version=2 + number)])
            for number in range(20)
        ]
    )

    assert Counter(type(answer) for [answer] in answers) == {Appended: 1, OutOfDate: 19}


async def test_nothing_is_leased_twice(journal: Journal, elsewhere: Journal) -> None:
    """Callers that lease at the same time while others append get different deliveries, and together all."""

    async def append(number: int) -> int:
        return (await put((journal, elsewhere)[number % 2], remember())).seq

    async def lease_some(number: int) -> list[int]:
        taken = await (journal, elsewhere)[number % 2].lease("home", 7, LONG)
        return [delivery.seq for delivery in taken]

    appending = [asyncio.create_task(append(number)) for number in range(60)]
    taken = [seq for part in await asyncio.gather(*[lease_some(number) for number in range(10)]) for seq in part]
    appended = list(await asyncio.gather(*appending))
    taken += [seq for part in await asyncio.gather(*[lease_some(number) for number in range(10)]) for seq in part]

    assert len(set(taken)) == len(taken)
    assert sorted(taken) == sorted(appended)


async def test_many_settle_at_once(journal: Journal, elsewhere: Journal) -> None:
    """Settlements of two processes on the same operations are all recorded."""
    several = [await put(journal, remember()) for _ in range(20)]
    await asyncio.gather(
        *[journal.settle([Done(seq=entry.seq, provider="home")]) for entry in several],
        *[elsewhere.settle([Done(seq=entry.seq, provider="standby")]) for entry in several],
    )
    await settle(journal)
    await settle(elsewhere)

    assert await entries(journal) == []


@pytest.mark.parametrize("turns", [0, 1, 2, 3, 5, 8, 13, 40])
async def test_a_cancelled_append_happens_wholly_or_not_at_all(journal: Journal, turns: int) -> None:
    """A call may be cancelled at any moment; concurrent writes are not disturbed."""
    others = [asyncio.create_task(journal.append([remember(f"before {n}")])) for n in range(3)]
    task = asyncio.create_task(journal.append([remember("m"), remember("n")]))
    others += [asyncio.create_task(journal.append([remember(f"after {n}")])) for n in range(3)]
    for _ in range(turns):
        await asyncio.sleep(0)
    task.cancel()

    assert all(isinstance(answer, Appended) for [answer] in await asyncio.gather(*others))
    cancelled = await asyncio.gather(task, return_exceptions=True)
    await settle(journal)
    there = [entry for name in ("m", "n") if (entry := await journal.newest(Owner(USER), name)) is not None]
    assert len(there) in {0, 2}
    assert [entry.pending for entry in there] == [{"home", "standby"}] * len(there)
    assert isinstance(cancelled[0], asyncio.CancelledError) or len(there) == 2
    assert len(await due(journal, "home")) == 6 + len(there)


async def test_a_journal_that_was_closed_answers_nothing(opener: Opener) -> None:
    """A caller that still holds the journal gets an error."""
    async with opener() as closed:
        await closed.join("home", "h")

    with pytest.raises(JournalUnavailable):
        await closed.append([remember()])
    with pytest.raises(JournalUnavailable):
        await entries(closed)
