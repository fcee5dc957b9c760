"""Every journal promises which entries it returns for a user and a memory."""

from msgspec.structs import replace

from providers.journal.base import Journal
from providers.journal.operations import Dead, Postponed
from providers.owners import Owner
from tests.providers.journal.rig import USER, confirm, delete, entries, put, remember, settle, update


async def test_what_somebody_has_not_confirmed_is_given(journal: Journal) -> None:
    """A memory is among the entries until every member has confirmed it, with those that have not."""
    entry = await put(journal, remember())

    assert await entries(journal) == [entry]
    await confirm(journal, entry, "home")
    [left] = await entries(journal)
    assert left.pending == {"standby"}
    await confirm(journal, entry, "standby")
    assert await entries(journal) == []


async def test_what_was_given_up_is_pending(journal: Journal) -> None:
    """A provider with a dead letter has not confirmed, nor has one that was postponed."""
    entry = await put(journal, remember())
    await settle(
        journal,
        Dead(seq=entry.seq, provider="home", error="no"),
        Postponed(seq=entry.seq, provider="standby", delay=9),
    )

    assert await entries(journal) == [entry]


async def test_the_newest_come_first(journal: Journal) -> None:
    """Memories and tombstones are in one order, by their newest operations; each memory is there once."""
    first = await put(journal, remember("first"))
    second = await put(journal, delete("second"))
    third = await put(journal, remember("third"))
    assert await entries(journal) == [third, second, first]

    edited = await put(journal, update("first", "coffee"))
    assert await entries(journal) == [edited, third, second]


async def test_what_one_has_not_confirmed_is_asked_for_by_its_name(journal: Journal) -> None:
    """A provider that has confirmed a memory does not see its entry again; tombstones concern every provider."""
    memory, tombstone = await put(journal, remember()), await put(journal, delete())
    await confirm(journal, memory, "home")
    await confirm(journal, tombstone, "home")

    assert [entry.seq for entry in await journal.entries(Owner(USER), "home", 9, 9)] == [tombstone.seq]
    assert [entry.seq for entry in await journal.entries(Owner(USER), "standby", 9, 9)] == [tombstone.seq, memory.seq]


async def test_the_limits_are_on_what_is_pending_and_on_what_is_not(journal: Journal) -> None:
    """The newest of each are returned: operations that are not confirmed, and tombstones that are."""
    pending = [await put(journal, delete() if turn % 2 else remember()) for turn in range(4)]
    confirmed = [await put(journal, delete()) for _ in range(4)]
    for tombstone in confirmed:
        await confirm(journal, tombstone, "home")

    for limit, tombstones in [(0, 0), (0, 2), (3, 0), (3, 2), (4, 4), (9, 9)]:
        given = [entry.seq for entry in await journal.entries(Owner(USER), "home", limit, tombstones)]
        newest = [*confirmed[::-1][:tombstones], *pending[::-1][:limit]]
        assert given == [entry.seq for entry in newest]


async def test_of_any_memories_it_is_told_which_are_deleted(journal: Journal) -> None:
    """The ids with a tombstone, confirmed or not, are returned; those of other users and unknown ones are not."""
    await put(journal, remember("alive"))
    await put(journal, delete("pending"))
    await confirm(journal, await put(journal, delete("confirmed")))
    await journal.append([delete("foreign", user="somebody else")])

    asked = ["alive", "pending", "confirmed", "foreign", "unknown"]
    assert await journal.deleted(Owner(USER), asked) == {"pending", "confirmed"}
    assert await journal.deleted(Owner(USER), []) == set()


async def test_a_confirmed_tombstone_is_given(journal: Journal) -> None:
    """A tombstone is retained when every member has confirmed it."""
    tombstone = await put(journal, delete())
    await confirm(journal, tombstone)

    [entry] = await entries(journal)
    assert entry.state == tombstone.state
    assert entry.pending == frozenset()


async def test_entries_are_those_of_one_user(journal: Journal) -> None:
    """No user sees another one's memories and tombstones, not even under the same id."""
    await journal.append([remember("m", user="somebody else"), delete("n", user="somebody else")])

    assert await entries(journal) == []
    assert await journal.newest(Owner(USER), "m") is None


async def test_the_newest_of_a_memory_is_known_when_it_is_confirmed(journal: Journal) -> None:
    """A memory that every member has confirmed is known until it is pruned."""
    entry = await put(journal, remember("m"))
    await confirm(journal, entry)

    newest = await journal.newest(Owner(USER), "m")
    assert newest is not None
    assert (newest.seq, newest.state, newest.pending) == (entry.seq, entry.state, frozenset())


async def test_the_newest_of_many_are_known_together(journal: Journal) -> None:
    """Each as if it were asked for alone, tombstones included; of others, and of other users, nothing."""
    first = await put(journal, remember("m"))
    second = await put(journal, delete("n"))
    await put(journal, remember("o"))

    found = await journal.newest_of(Owner(USER), ["n", "unknown", "m"])
    assert found == {"m": replace(first, lease=None), "n": replace(second, lease=None)}
    assert await journal.newest_of(Owner(f"{USER} too"), ["m"]) == {}
    assert await journal.newest_of(Owner(USER), []) == {}


async def test_of_an_unknown_memory_nothing_is_known(journal: Journal) -> None:
    """A memory on which there was no operation has no newest one."""
    assert await journal.newest(Owner(USER), "m") is None
