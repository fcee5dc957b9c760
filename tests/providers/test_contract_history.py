"""What every provider promises of the history of memories: it keeps one, or says that it does not."""

import random
from itertools import permutations
from types import NoneType
from uuid import uuid4

import pytest
from msgspec.structs import replace

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.errors import Conflict, InvalidInput, MemoryDeleted, MemoryNotFound, Unsupported
from providers.histories import HistoriesQuery
from providers.history import MAX_HISTORY_LIMIT, HistoryQuery
from providers.owners import Owner
from providers.replica import Replica
from providers.retention import UNDATED_VERSION
from providers.states.clock import HybridClock
from providers.states.digests import digest_of
from providers.states.editing import edited, first_state, first_write_of, tombstone_for
from providers.types import Conditions, Edit, NewMemory, Snapshot
from providers.versions_by_store import found_in, version_of

TEXTS = ["tea", "coffee", "milk", "water"]
BEER = digest_of("beer", {"n": 0})
clock = HybridClock()


@pytest.fixture
def keeper(provider: MemoryProvider) -> Replica:
    """The provider, if it keeps history."""
    assert isinstance(provider, Replica)
    if not provider.keeps_history:
        pytest.skip("keeps no history, as another test here knows")
    return provider


def life(user: str) -> list[Snapshot]:
    """Return the four states of one memory, each made of the one before."""
    owner, memory_id = Owner(user), str(uuid4())
    memory = NewMemory(owner=owner, content=TEXTS[0], metadata={"n": 0}, session="s0")
    states = [first_state(memory, memory_id, clock.next(), clock.moment())]
    for place, content in enumerate(TEXTS[1:], 1):
        edit = Edit(owner=owner, memory_id=memory_id, content=content, metadata={"n": place}, session=f"s{place}")
        states.append(edited(states[-1], edit, clock.next(), clock.moment()))
    return states


async def told(keeper: Replica, state: Snapshot, **asked: int) -> list[Snapshot]:
    """Return the history of a memory, newest first."""
    return (await keeper.history(HistoryQuery(owner=state.owner, memory_id=state.id, **asked))).versions


async def test_a_store_without_history_says_so(provider: MemoryProvider, user: str) -> None:
    """It takes no superseded versions, has none to show, and tells no history."""
    assert isinstance(provider, Replica)
    if provider.keeps_history:
        pytest.skip("keeps history, as the other tests here know")
    state = life(user)[0]

    with pytest.raises(Unsupported):
        await provider.put_versions([state])
    with pytest.raises(Unsupported):
        await provider.history(HistoryQuery(owner=state.owner, memory_id=state.id))
    assert await provider.superseded(state.owner) == []


async def test_what_callers_replace_is_in_the_history(keeper: Replica, user: str) -> None:
    """Each version with its content, metadata, labels and times, newest first."""
    owner = Owner(user)
    memory_id = (await keeper.store(NewMemory(owner=owner, content="tea", metadata={"a": [1]}, session="s"))).id
    first = (await keeper.fetch(owner, memory_id)).memory
    second = (await keeper.change(Edit(owner=owner, memory_id=memory_id, content="coffee", session=None))).memory
    third = (await keeper.change(Edit(owner=owner, memory_id=memory_id, metadata=None))).memory

    page = await keeper.history(HistoryQuery(owner=owner, memory_id=memory_id))

    assert [state.record for state in page.versions] == [third, second, first]
    assert (page.newest.record, page.more) == (third, False)


async def test_a_memory_that_was_never_changed_has_one_version(keeper: Replica, user: str) -> None:
    """The one that readers see."""
    memory_id = await keeper.remember(user, "tea")

    page = await keeper.history(HistoryQuery(owner=Owner(user), memory_id=memory_id))

    assert [state.content for state in page.versions] == ["tea"]


async def test_a_change_that_changes_nothing_leaves_no_version(keeper: Replica, user: str) -> None:
    """Neither a repetition nor an edit that is too old."""
    memory_id, edit_id = await keeper.remember(user, "tea"), str(uuid4())
    for _ in range(3):
        await keeper.update(user, memory_id, content="coffee", edit_id=edit_id)
    await keeper.update(user, memory_id, content="milk", version=1)

    page = await keeper.history(HistoryQuery(owner=Owner(user), memory_id=memory_id))

    assert [state.content for state in page.versions] == ["coffee", "tea"]


async def test_pages_go_on_where_the_last_one_ended(keeper: Replica, user: str) -> None:
    """By the version of the last one, and in bytes no more than is asked for, but at least one."""
    states = life(user)
    await keeper.put_many(states)
    query = HistoryQuery(owner=states[0].owner, memory_id=states[0].id, limit=3)
    first = await keeper.history(query)
    second = await keeper.history(replace(query, before=first.versions[-1].version))
    small = await keeper.history(replace(query, most_bytes=1))

    assert [state.content for state in first.versions] == TEXTS[:0:-1]
    assert first.more
    assert [state.content for state in second.versions] == TEXTS[:1]
    assert not second.more
    assert ([state.content for state in small.versions], small.more) == (TEXTS[-1:], True)


@pytest.mark.parametrize("limit", [0, MAX_HISTORY_LIMIT + 1])
async def test_a_page_outside_of_the_bounds_is_refused(keeper: Replica, user: str, limit: int) -> None:
    """And one at each of them is not."""
    memory_id = await keeper.remember(user, "tea")
    query = HistoryQuery(owner=Owner(user), memory_id=memory_id, limit=limit)
    with pytest.raises(InvalidInput):
        await keeper.history(query)

    page = await keeper.history(replace(query, limit=min(max(limit, 1), MAX_HISTORY_LIMIT)))
    assert len(page.versions) == 1


async def test_records_commute(keeper: Replica, user: str) -> None:
    """Whatever comes first, and by whichever way, the same history is there; a repetition changes nothing."""
    for order in permutations(range(3)):
        for as_newest in (True, False):
            states = life(user)[:3]
            for place in (*order, random.Random(1).choice(order)):  # noqa: S311 - seeded
                put = keeper.put_many if as_newest or place == 2 else keeper.put_versions
                assert await put([states[place]]) == [None]

            assert await told(keeper, states[0]) == states[::-1]
            assert [one for one in await keeper.superseded(states[0].owner) if one.id == states[0].id] == states[:-1]


async def test_what_was_refused_is_no_version(keeper: Replica, user: str) -> None:
    """Whatever comes first, and by whichever way: nobody could judge it, and the memory was another one already."""
    for order in permutations(range(3)):
        for as_newest in (True, False):
            first, changed = life(user)[:2]
            refused = replace(life(user)[0], id=first.id, version=UNDATED_VERSION, content="beer", digest=BEER)
            states = [refused, first, changed]
            for place in order:
                put = keeper.put_versions if place == 0 and not as_newest else keeper.put_many
                assert await put([states[place]]) == [None]
            mine = [one for one in await keeper.superseded(first.owner) if one.id == first.id]

            assert await told(keeper, first) == [changed, first]
            assert mine == [first]
            assert await keeper.kept_of(states) == {version_of(first)}


async def test_a_history_is_summed_up_without_what_was_refused(keeper: Replica, user: str) -> None:
    """So that two stores agree of which only one ever had it."""
    first, changed = life(user)[:2]
    refused = replace(life(user)[0], id=first.id, version=UNDATED_VERSION, content="beer", digest=BEER)
    await keeper.put_many([first, changed])
    [before] = [one for one in await keeper.summaries() if one.owner == first.owner]
    await keeper.put_versions([refused])

    [after] = [one for one in await keeper.summaries() if one.owner == first.owner]
    assert after == before


async def test_an_unjudged_first_write_is_a_version(keeper: Replica, user: str) -> None:
    """If it is that of the memory."""
    first, changed = life(user)[:2]
    undated = replace(first, version=UNDATED_VERSION)
    await keeper.put_many([undated, changed])

    assert await told(keeper, first) == [changed, undated]


async def test_a_batch_keeps_what_was_never_shown(keeper: Replica, user: str) -> None:
    """All states of a memory in one call are as if they had come one after the other."""
    states = life(user)

    assert await keeper.put_many([states[1], states[3], states[0], states[2]]) == [None] * 4
    assert await told(keeper, states[0]) == states[::-1]


async def test_a_first_write_that_comes_late_is_a_version(keeper: Replica, user: str) -> None:
    """But not the repetition of one, which is newer than what is there."""
    states = life(user)
    await keeper.put_many(states[1:2])
    for version in (states[0].version, clock.next()):
        await keeper.store(replace(first_write_of(states[0]), version=version, first_version=states[0].version))

    assert await told(keeper, states[0]) == states[1::-1]


async def test_a_version_that_is_there_stays(keeper: Replica, user: str) -> None:
    """Another state of the same version is ignored."""
    states = life(user)
    await keeper.put_many(states[-1:])
    for state in (states[1], replace(states[1], content="another")):
        assert await keeper.put_versions([state]) == [None]

    assert await told(keeper, states[0]) == [states[-1], states[1]]


@pytest.mark.parametrize("known", [True, False])
async def test_a_tombstone_takes_the_history_with_it(keeper: Replica, user: str, known: bool) -> None:  # noqa: FBT001 - a parameter
    """Whether the newest version had come before or not; nothing is taken after it."""
    states = life(user)
    await keeper.put_versions(states[:2])
    if known:
        await keeper.put_many(states[3:])
    assert await keeper.put_many([tombstone_for(states[-1], clock.next())]) == [None]

    assert await keeper.superseded(states[0].owner) == []
    assert [type(one) for one in await keeper.put_versions(states[:3])] == [MemoryDeleted] * 3
    assert [type(one) for one in await keeper.put_many(states[2:3])] == [MemoryDeleted]
    assert await keeper.superseded(states[0].owner) == []
    with pytest.raises(MemoryNotFound):
        await told(keeper, states[0])


async def test_a_deletion_takes_the_history_with_it(keeper: Replica, user: str) -> None:
    """That of a caller, too."""
    memory_id = await keeper.remember(user, "tea")
    await keeper.update(user, memory_id, content="coffee")
    assert len(await keeper.superseded(Owner(user))) == 1
    await keeper.delete(user, memory_id)

    assert await keeper.superseded(Owner(user)) == []


async def test_what_is_not_there_has_no_history(keeper: Replica, user: str, stranger: str) -> None:
    """Neither what never was, nor what is somebody else's, nor that of which only superseded versions have come."""
    states = life(user)
    await keeper.put_versions(states[:2])
    others = await keeper.remember(stranger, "tea")

    for memory_id in (str(uuid4()), others, states[0].id):
        with pytest.raises(MemoryNotFound):
            await keeper.history(HistoryQuery(owner=Owner(user), memory_id=memory_id))


async def test_superseded_versions_come_in_pages(keeper: Replica, user: str) -> None:
    """By id and version, and of one owner alone."""
    lives = [life(user) for _ in range(3)]
    await keeper.put_many([state for states in lives for state in states])
    found: list[Snapshot] = []
    while page := await keeper.superseded(Owner(user), 2, after=(found[-1].id, found[-1].version) if found else None):
        found += page

    assert found == [state for states in sorted(lives, key=lambda one: one[0].id) for state in states[:-1]]


async def test_reads_show_the_newest_version_alone(keeper: Replica, user: str) -> None:
    """Neither a list nor a recall finds a superseded text."""
    states = life(user)
    await keeper.put_many(states)

    assert [memory.content for memory in await keeper.list_memories(user)] == TEXTS[-1:]
    assert {memory.content for memory in await keeper.recall(user, "coffee", 5)} <= set(TEXTS[-1:])


async def test_only_the_last_versions_are_kept(keeper: Replica, user: str) -> None:
    """As many as the retention says, and none that is too old; the same in whatever order they come."""
    owner, keep = Owner(user), keeper.retention.keep
    days = 24 * 60 * 60 * 1_000 << 16
    states = life(user)[:1]
    for place in range(keep + 3):
        edit = Edit(owner=owner, memory_id=states[0].id, content=f"text {place}")
        states.append(edited(states[-1], edit, clock.next(), clock.moment()))
    old = replace(states[0], version=states[0].version - (keeper.retention.days + 1) * days)
    await keeper.put_many(states[:2])
    await keeper.put_versions([old, *states[:1:-1][1:]])
    await keeper.put_many(states[-1:])

    found = await told(keeper, states[0], limit=MAX_HISTORY_LIMIT)
    assert found == states[: -keep - 2 : -1]
    assert len(await keeper.superseded(owner)) == keep


async def test_versions_from_elsewhere_are_added(keeper: Replica, user: str) -> None:
    """Behind the newest one, whatever is kept already; a repetition changes nothing, and says so."""
    *older, newest = life(user)
    await keeper.put_many([newest])
    await keeper.put_versions(older[1:2])

    for found in ([False, True, False], [True, True, True]):
        answers = await keeper.keep_versions(older)
        assert [(one.id, one.version, one.found) for one in answers if isinstance(one, Stored)] == [
            (state.id, state.version, was_there) for state, was_there in zip(older, found, strict=True)
        ]
    assert [state.content for state in await told(keeper, newest)] == TEXTS[::-1]


async def test_an_unjudged_version_from_elsewhere_is_one_of_its_memory(keeper: Replica, user: str) -> None:
    """Whoever brings it knows its text and not that of the first write, which is that of neither of the two here."""
    *_, older, newest = life(user)
    await keeper.put_many([newest])
    brought = replace(older, version=UNDATED_VERSION, digest=digest_of(older.content or "", older.metadata))

    for found in (False, True):
        [answer] = await keeper.keep_versions([brought])
        assert isinstance(answer, Stored)
        assert answer.found == found
    assert [state.content for state in await told(keeper, newest)] == [newest.content, older.content]


async def test_a_store_tells_which_versions_it_keeps(keeper: Replica, user: str, stranger: str) -> None:
    """Of whatever memories: neither the newest ones, nor those of others, nor what was never there."""
    lives = [life(user) for _ in range(3)]
    (theirs,) = [life(stranger)]
    first = replace(lives[0][0], version=1, first_version=1)
    await keeper.put_many([*lives[0][1:], *lives[1], *theirs, *lives[2][-1:]])
    await keeper.put_versions([first])
    asked = [first, *lives[0], *lives[1][1::2], *lives[2], *theirs[:1], replace(theirs[0], user_id=Owner(user).key)]

    expected = [first, *lives[0][1:3], lives[1][1], theirs[0]]
    assert await keeper.kept_of(asked) == {version_of(one) for one in expected}
    assert await found_in(keeper, asked) == await keeper.kept_of(asked)
    assert await keeper.kept_of([]) == set()


async def test_versions_need_their_memory(keeper: Replica, user: str) -> None:
    """One of none, of a deleted one, or newer than it is refused alone; one that is too old is left out."""
    (first, second, third, last), (unknown, *_), (gone, *_) = life(user), life(user), life(user)
    await keeper.put_many([third, tombstone_for(gone, clock.next())])
    old = replace(first, version=2)
    answers = await keeper.keep_versions([second, unknown, gone, last, old])

    assert [type(one) for one in answers] == [Stored, MemoryNotFound, MemoryDeleted, Conflict, NoneType]
    assert [state.content for state in await told(keeper, third)] == TEXTS[2:0:-1]


async def test_histories_are_read_page_by_page(keeper: Replica, user: str) -> None:
    """By id and version, without those of deleted memories, and of those alone that meet conditions."""
    one, two, gone = sorted((life(user) for _ in range(3)), key=lambda states: states[0].id)
    await keeper.put_many([*one, *two, *gone])
    await keeper.put_many([tombstone_for(gone[-1], clock.next())])
    query = HistoriesQuery(owner=Owner(user), limit=4)
    first = await keeper.histories(query)
    second = await keeper.histories(replace(query, after=first.behind))
    other = await keeper.histories(replace(query, conditions=Conditions(session="s0")))
    same = await keeper.histories(replace(query, conditions=Conditions(session="s3")))

    records = [state.record for states in (one, two) for state in states[:-1]]
    assert [*first.versions, *second.versions] == records
    assert (first.behind, second.behind) == ((two[0].id, two[0].version), None)
    assert (other.versions, same.versions) == ([], records[:4])


async def test_without_history_nothing_is_added(provider: MemoryProvider, user: str) -> None:
    """Nothing keeps it, which is said in its place."""
    assert isinstance(provider, Replica)
    if provider.keeps_history:
        pytest.skip("keeps history, as the other tests here know")
    first, *_, newest = life(user)
    await provider.put_many([newest])

    assert await provider.keep_versions([first]) == [None]
    assert (await provider.histories(HistoriesQuery(owner=newest.owner))).versions == []
