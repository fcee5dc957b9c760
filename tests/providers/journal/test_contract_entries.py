"""What every journal promises of what it still knows about a user and a memory."""

from providers.journal.base import Journal
from providers.journal.operations import Dead, Postponed
from tests.providers.journal.rig import USER, confirm, delete, put, remember, settle, update


async def test_what_somebody_has_not_confirmed_is_given(journal: Journal) -> None:
    """A memory is among the entries until every member has confirmed it, with those that have not."""
    entry = await put(journal, remember())

    assert await journal.entries(USER, 10) == [entry]
    await confirm(journal, entry, "home")
    [left] = await journal.entries(USER, 10)
    assert left.pending == {"standby"}
    await confirm(journal, entry, "standby")
    assert await journal.entries(USER, 10) == []


async def test_what_was_given_up_is_pending(journal: Journal) -> None:
    """A provider with a dead letter has not confirmed, nor has one that was postponed."""
    entry = await put(journal, remember())
    await settle(
        journal,
        Dead(seq=entry.seq, provider="home", error="no"),
        Postponed(seq=entry.seq, provider="standby", delay=9),
    )

    assert await journal.entries(USER, 10) == [entry]


async def test_the_newest_come_first(journal: Journal) -> None:
    """Memories and tombstones are in one order, by their newest operations; each memory is there once."""
    first = await put(journal, remember("first"))
    second = await put(journal, delete("second"))
    third = await put(journal, remember("third"))
    assert await journal.entries(USER, 10) == [third, second, first]

    edited = await put(journal, update("first", "coffee"))
    assert await journal.entries(USER, 10) == [edited, third, second]


async def test_the_limit_is_on_memories_alone(journal: Journal) -> None:
    """The newest memories up to the limit are given, and all tombstones, confirmed or not."""
    tombstones = [await put(journal, delete()) for _ in range(3)]
    memories = [await put(journal, remember()) for _ in range(3)]
    await confirm(journal, tombstones[1])

    given = [entry.seq for entry in await journal.entries(USER, 2)]
    assert given == [entry.seq for entry in (*reversed(memories[1:]), *reversed(tombstones))]
    assert len(await journal.entries(USER, 3)) == 6
    assert len(await journal.entries(USER, 4)) == 6


async def test_a_confirmed_tombstone_is_given(journal: Journal) -> None:
    """A tombstone is retained when nobody needs to be told of it any more."""
    tombstone = await put(journal, delete())
    await confirm(journal, tombstone)

    [entry] = await journal.entries(USER, 0)
    assert entry.state == tombstone.state
    assert entry.pending == frozenset()


async def test_entries_are_those_of_one_user(journal: Journal) -> None:
    """Nobody sees another's memories and tombstones, under the same id neither."""
    await journal.append([remember("m", user="somebody else"), delete("n", user="somebody else")])

    assert await journal.entries(USER, 10) == []
    assert await journal.newest(USER, "m") is None


async def test_the_newest_of_a_memory_is_known_when_it_is_confirmed(journal: Journal) -> None:
    """What everybody has confirmed is known until it is pruned."""
    entry = await put(journal, remember("m"))
    await confirm(journal, entry)

    newest = await journal.newest(USER, "m")
    assert newest is not None
    assert (newest.seq, newest.state, newest.pending) == (entry.seq, entry.state, frozenset())


async def test_of_an_unknown_memory_nothing_is_known(journal: Journal) -> None:
    """A memory on which there was no operation has no newest one."""
    assert await journal.newest(USER, "m") is None
