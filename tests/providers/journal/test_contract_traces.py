"""Every journal promises to know deletions that found nothing: for a while, by itself alone, within a limit."""

import asyncio
from uuid import uuid4

from providers.errors import MemoryDeleted
from providers.journal.base import MAX_APPENDED, MAX_TRACES, Journal
from providers.journal.operations import Appended, JournalEntry, Operation, OperationKind
from providers.owners import Owner
from tests.providers.journal.rig import (
    USER,
    confirm,
    delete,
    due,
    entries,
    put,
    refusal,
    remember,
    settle,
    trace,
    update,
)

BOTH = frozenset({"home", "standby"})
NOBODY: frozenset[str] = frozenset()


async def appended(journal: Journal, *operations: Operation) -> list[Appended]:
    """Append operations, none of which is rejected."""
    answers = await journal.append(operations)
    assert all(isinstance(answer, Appended) for answer in answers)
    return [answer for answer in answers if isinstance(answer, Appended)]


async def known(journal: Journal, *memory_ids: str, user: str = USER) -> list[bool]:
    """Return whether anything is known of these memories."""
    return [await journal.newest(Owner(user), memory_id) is not None for memory_id in memory_ids]


async def test_a_trace_is_known_and_comes_to_nobody(journal: Journal) -> None:
    """A trace has no deliveries, not even for a caller that would lease one; all the same it is a tombstone."""
    operation = trace("m")
    [answer] = await journal.append([operation], held="home", seconds=60)

    assert isinstance(answer, Appended)
    entry = JournalEntry(seq=answer.entry.seq, kind=OperationKind.DELETE, state=operation.state, pending=NOBODY)
    assert answer == Appended(entry=entry)
    assert await journal.newest(Owner(USER), "m") == entry
    assert await entries(journal) == [entry]
    assert await journal.deleted(Owner(USER), ["m", "n"]) == {"m"}
    assert await journal.tombstones(10, 0) == [entry]
    assert [await due(journal, name) for name in ("home", "standby")] == [[], []]
    assert [backlog.pending for backlog in (await journal.status()).backlogs] == [0, 0]


async def test_what_was_deleted_in_vain_stays_deleted(journal: Journal) -> None:
    """An earlier write that arrives after the trace is refused."""
    await put(journal, trace("m"))

    assert await refusal(journal, remember("m")) is MemoryDeleted
    assert await refusal(journal, update("m", "coffee")) is MemoryDeleted


async def test_where_something_is_known_it_is_a_deletion_like_any_other(journal: Journal) -> None:
    """If the memory is known meanwhile, the deletion is an ordinary one."""
    first = await put(journal, remember("m"))
    await confirm(journal, first)

    [answer] = await appended(journal, trace("m"))

    assert (answer.repeated, answer.former, answer.entry.pending) == (False, first.state, BOTH)
    assert [await due(journal, name) for name in ("home", "standby")] == [[answer.entry.seq]] * 2
    await confirm(journal, answer.entry)
    await journal.forget([answer.entry.seq], traces=True)
    assert await known(journal, "m") == [True]


async def test_a_repetition_gets_the_first_and_makes_it_young(journal: Journal) -> None:
    """A caller that drops the first trace by its number drops nothing: the second one is acknowledged, too."""
    first = await put(journal, trace("m", edit="e1"))
    for again in (trace("m", edit="e2"), delete("m")):
        [answer] = await appended(journal, again)

        assert (answer.repeated, answer.entry.state, answer.former) == (True, first.state, first.state)
        assert answer.entry.pending == NOBODY
        assert answer.entry.seq > first.seq
        assert await journal.newest(Owner(USER), "m") == answer.entry
        await journal.forget([first.seq])
        assert await known(journal, "m") == [True]
        first = answer.entry
    assert (await journal.status()).operations == 1


async def test_a_tombstone_that_is_repeated_stays_as_it_is(journal: Journal) -> None:
    """A tombstone that the providers have is not delivered to them again."""
    first = await put(journal, delete("m"))
    [pending] = await appended(journal, trace("m"))
    await confirm(journal, first)
    [confirmed] = await appended(journal, trace("m"))

    assert (pending.entry.seq, pending.entry.pending) == (first.seq, BOTH)
    assert (confirmed.entry.seq, confirmed.entry.pending) == (first.seq, NOBODY)


async def test_one_call_may_do_anything_to_one_memory(journal: Journal) -> None:
    """Each operation is judged by what came before it in the call."""
    answers = await journal.append([trace("m"), remember("m"), trace("m"), remember("n"), trace("n"), trace("n")])

    assert [type(answer) for answer in answers] == [Appended, MemoryDeleted] + [Appended] * 4
    shown = [(answer.repeated, answer.entry.pending) for answer in answers if isinstance(answer, Appended)]
    assert shown == [(False, NOBODY), (True, NOBODY), (False, BOTH), (False, BOTH), (True, BOTH)]


async def test_of_too_many_the_oldest_give_way(journal: Journal) -> None:
    """So many are kept, of each user, whatever else is known of that user."""
    await put(journal, remember("live"))
    await put(journal, delete("dead"))
    await put(journal, trace("theirs", user="another"))
    ids = [f"m{number:04}" for number in range(MAX_TRACES)]
    assert MAX_APPENDED >= MAX_TRACES
    await appended(journal, *map(trace, ids))
    assert (await journal.status()).operations == MAX_TRACES + 3

    await appended(journal, trace("one more"), trace(ids[1]))
    assert await known(journal, *ids[:4], ids[-1], "one more") == [False, True, True, True, True, True]
    await appended(journal, trace("and more"))
    assert await known(journal, *ids[:4]) == [False, True, False, True]
    assert await known(journal, "live", "dead") == [True, True]
    assert await known(journal, "theirs", user="another") == [True]
    assert (await journal.status()).operations == MAX_TRACES + 3


async def test_what_gives_way_can_be_stored_and_deleted_meanwhile(journal: Journal, elsewhere: Journal) -> None:
    """No call fails because a known trace has just been dropped."""
    ids = [f"m{number:04}" for number in range(MAX_TRACES)]
    await appended(journal, *map(trace, ids))

    async def make_way() -> None:
        for _ in range(20):
            await appended(journal, trace(), trace(), trace())

    async def ask(one: Journal) -> None:
        for memory_id in ids[:60]:
            [answer] = await one.append([trace(memory_id)])
            assert isinstance(answer, Appended)
            [stored] = await one.append([remember(memory_id)])
            assert isinstance(stored, MemoryDeleted)

    await asyncio.gather(make_way(), ask(elsewhere), ask(journal))


async def test_a_newcomer_gets_no_trace(journal: Journal) -> None:
    """A new member has missed no trace; a tombstone it may have missed."""
    await put(journal, trace())
    tombstone = await put(journal, delete())

    await journal.join("newcomer", "a store")
    await journal.restart("home", epoch=1, identity="another store")

    assert await due(journal, "newcomer") == await due(journal, "home") == [tombstone.seq]


async def test_a_trace_where_a_copy_was_found_is_one_no_longer(journal: Journal) -> None:
    """A redelivered trace is delivered there, and dropped like every tombstone."""
    entry = await put(journal, trace("m"))
    await journal.redeliver(entry.seq, "home")

    assert (await due(journal, "home"), await due(journal, "standby")) == ([entry.seq], [])
    [again] = await appended(journal, trace("m"))
    assert (again.entry.seq, again.entry.pending) == (entry.seq, frozenset({"home"}))
    await confirm(journal, again.entry)
    await journal.forget([entry.seq], traces=True)
    assert await known(journal, "m") == [True]
    await journal.forget([entry.seq])
    assert await known(journal, "m") == [False]


async def test_traces_are_forgotten_apart(journal: Journal) -> None:
    """A call for traces drops no tombstone that providers have; the id of a dropped trace is new."""
    live, tombstone, mine = [await put(journal, one) for one in (remember(), delete(), trace("m"))]
    await confirm(journal, live)
    await confirm(journal, tombstone)
    await settle(journal)

    await journal.forget([live.seq, tombstone.seq, mine.seq, 10**9], traces=True)

    assert await known(journal, live.state.id, tombstone.state.id, "m") == [True, True, False]
    assert (await journal.status()).last_seq == mine.seq
    await put(journal, remember("m"))


async def test_nobody_prunes_a_trace(journal: Journal) -> None:
    """A trace is no operation that every member has confirmed."""
    await put(journal, trace("m"))

    assert await journal.prune(0) == 0
    assert await known(journal, "m", str(uuid4())) == [True, False]
