"""What every journal promises of superseded versions: each is delivered once, to members that keep history."""

from msgspec.structs import replace

from providers.journal.base import Journal
from providers.journal.operations import Dead, Delivery, Done, JournalEntry, Postponed
from providers.owners import Owner
from providers.retention import UNDATED_VERSION
from tests.providers.journal.rig import LONG, USER, confirm, delete, due, leased, put, remember, settle, update

OWNER = Owner(USER)


async def keeping(journal: Journal, name: str = "standby") -> Journal:
    """Have a member keep history."""
    await journal.note_history(name, keeps=True)
    return journal


async def changed_twice(journal: Journal, memory_id: str = "m") -> list[JournalEntry]:
    """Store a memory, and change it twice; return all three entries, the oldest first."""
    first = await put(journal, remember(memory_id, version=1))
    second = await put(journal, update(memory_id, "coffee", base=1, version=2))
    return [first, second, await put(journal, update(memory_id, "milk", base=2, version=3))]


def versions(deliveries: list[Delivery]) -> list[tuple[int, bool]]:
    """Return the version of each delivery, and whether it is superseded."""
    return sorted((delivery.state.version, delivery.superseded) for delivery in deliveries)


async def backlog(journal: Journal, name: str) -> tuple[int, int, int]:
    """Return how many deliveries to a member are pending, dead and discarded."""
    [found] = [one for one in (await journal.status()).backlogs if one.provider == name]
    return found.pending, found.dead, found.discarded


async def retained(journal: Journal) -> list[tuple[int, bool]]:
    """Return everything that the journal retains, as a newcomer that keeps history receives it."""
    await journal.join("newcomer", None)
    await journal.note_history("newcomer", keeps=True)
    found = versions(await leased(journal, "newcomer"))
    await journal.leave("newcomer")
    return found


async def test_nothing_is_kept_for_members_without_history(journal: Journal) -> None:
    """The newest operation alone is delivered and retained, as ever."""
    await changed_twice(journal)

    assert versions(await leased(journal, "home")) == versions(await leased(journal, "standby")) == [(3, False)]
    assert await retained(journal) == [(3, False)]


async def test_a_member_that_keeps_history_receives_every_version(journal: Journal, elsewhere: Journal) -> None:
    """The other receives the newest one; each version has the state, kind and number that it had."""
    entries = await changed_twice(await keeping(journal))

    assert versions(await leased(elsewhere, "home")) == [(3, False)]
    found = await leased(elsewhere, "standby")
    assert versions(found) == [(1, True), (2, True), (3, False)]
    by_version = sorted(found, key=lambda delivery: delivery.state.version)
    assert [(one.seq, one.kind, one.state) for one in by_version] == [(one.seq, one.kind, one.state) for one in entries]


async def test_only_deliveries_know_of_superseded_versions(journal: Journal) -> None:
    """What is read, judged and counted as an operation is the newest one; the backlog has them all."""
    *_, newest = await changed_twice(await keeping(journal))

    assert await journal.newest(OWNER, "m") == newest
    assert await journal.entries(OWNER, "standby", 100, 100) == [newest]
    assert (await journal.status()).operations == 1
    assert await backlog(journal, "standby") == (3, 0, 0)
    assert await backlog(journal, "home") == (1, 0, 0)
    assert await journal.newest_version() == 3


async def test_superseded_versions_take_no_place_in_the_overlay(journal: Journal) -> None:
    """As many operations are returned as are asked for, however many versions are pending."""
    await keeping(journal)
    older = await put(journal, remember("older"))
    *_, newest = await changed_twice(journal)

    assert await journal.entries(OWNER, "standby", 2, 0) == [newest, older]


async def test_versions_of_one_call_are_kept(journal: Journal) -> None:
    """A memory may be stored and changed by one append."""
    await keeping(journal)
    operations = [remember("m"), update("m", "coffee"), update("m", "milk", base=2, version=3)]
    await journal.append(operations, held="standby", seconds=0)

    assert versions(await leased(journal, "standby")) == [(1, True), (2, True), (3, False)]
    assert versions(await leased(journal, "home")) == [(3, False)]


async def test_what_a_memory_turned_out_not_to_be_is_no_version(journal: Journal) -> None:
    """A first write that nobody could judge was refused if the memory is another one, whoever has received it."""
    await keeping(journal)
    await keeping(journal, "home")
    refused = await put(journal, remember("m", "coffee", version=UNDATED_VERSION))
    await settle(journal, Dead(seq=refused.seq, provider="standby", error="conflict"))
    await put(journal, update("m", "tea", base=UNDATED_VERSION, version=2, first="tea"))
    await put(journal, update("m", "milk", base=2, version=3, first="tea"))

    assert versions(await leased(journal, "home")) == versions(await leased(journal, "standby"))
    assert await retained(journal) == [(2, True), (3, False)]
    assert [state.content for state in await journal.superseded(OWNER, "m")] == ["tea"]
    assert (await journal.status()).backlogs[0].dead == 0


async def test_what_a_memory_was_is_a_version_whoever_could_judge_it(journal: Journal) -> None:
    """A change of what nobody could judge, and a first write that somebody did judge, supersede it."""
    await keeping(journal)
    await put(journal, remember("unjudged", "tea", version=UNDATED_VERSION))
    await put(journal, update("unjudged", "milk", base=UNDATED_VERSION, version=2, first="tea"))
    await put(journal, remember("judged", "coffee", version=UNDATED_VERSION + 1))
    await put(journal, update("judged", "milk", base=2, version=3, first="tea"))

    found = await leased(journal, "standby")
    assert [(one.state.id, one.state.content) for one in found if one.superseded] == [
        ("unjudged", "tea"),
        ("judged", "coffee"),
    ]


async def test_a_deletion_erases_all_versions(journal: Journal) -> None:
    """Its tombstone alone is delivered, also if a version is under way; other memories keep theirs."""
    await keeping(journal)
    await changed_twice(journal)
    under_way = await leased(journal, "standby", LONG)
    await changed_twice(journal, "other")
    tombstone = await put(journal, delete("m", version=4))
    await settle(journal, *[Done(seq=one.seq, provider="standby", lease=one.lease) for one in under_way])

    found = await leased(journal, "standby")
    assert [one.seq for one in found if one.state.id == "m"] == [tombstone.seq]
    assert await retained(journal) == [(1, True), (2, True), (3, False), (4, False)]
    assert await backlog(journal, "standby") == (4, 0, 0)


async def test_a_call_that_changes_and_deletes_leaves_the_tombstone(journal: Journal) -> None:
    """Versions of the same call are erased, too."""
    await put(await keeping(journal), remember("m"))
    await journal.append([update("m", "coffee"), update("m", "milk", base=2, version=3), delete("m", version=4)])

    assert versions(await leased(journal, "standby")) == [(4, False)]
    assert await backlog(journal, "standby") == (1, 0, 0)
    assert await retained(journal) == [(4, False)]


async def test_a_deletion_erases_versions_whose_newest_one_is_forgotten(journal: Journal) -> None:
    """A version may wait for longer than the journal knows the memory."""
    *_, newest = await changed_twice(await keeping(journal))
    await confirm(journal, newest)
    assert await journal.prune(0) == 1
    assert await journal.newest(OWNER, "m") is None
    assert versions(await leased(journal, "standby")) == [(1, True), (2, True)]

    await put(journal, delete("m", version=4))

    assert versions(await leased(journal, "standby")) == [(4, False)]
    assert await backlog(journal, "standby") == (1, 0, 0)


async def test_pruning_drops_what_is_confirmed_and_old(journal: Journal) -> None:
    """A version stays for as long as a member waits for it, and is not counted."""
    first, second, newest = await changed_twice(await keeping(journal))
    await confirm(journal, first, "standby")
    assert await journal.prune(LONG) == 0
    assert await retained(journal) == [(1, True), (2, True), (3, False)]

    assert await journal.prune(0) == 0

    assert await retained(journal) == [(2, True), (3, False)]
    await confirm(journal, second, "standby")
    await confirm(journal, newest)
    assert await journal.prune(0) == 1
    assert await retained(journal) == []


async def test_a_version_that_is_there_stays(journal: Journal) -> None:
    """Two states of one version may come from two clocks; the first one that is superseded is kept."""
    await keeping(journal)
    first = await put(journal, remember("m", version=1))
    await put(journal, update("m", "coffee", base=1, version=1))
    await put(journal, update("m", "milk", base=1, version=2))

    found = await leased(journal, "standby")
    assert versions(found) == [(1, True), (2, False)]
    assert {one.seq for one in found} >= {first.seq}
    assert await backlog(journal, "standby") == (2, 0, 0)


async def test_a_new_epoch_receives_what_is_retained(journal: Journal) -> None:
    """A member that was reset gets superseded versions again, if it keeps history."""
    entries = await changed_twice(await keeping(journal))
    for entry in entries:
        await confirm(journal, entry, "home", "standby")
    for name in ("home", "standby"):
        await journal.restart(name, epoch=1, identity="x")
    await journal.wait(1)

    for _ in range(20):
        if await due(journal, "standby") and await due(journal, "home"):
            break
        await journal.wait(0.2)
    assert versions(await leased(journal, "standby")) == [(1, True), (2, True), (3, False)]
    assert versions(await leased(journal, "home")) == [(3, False)]


async def test_a_member_that_begins_to_keep_history_receives_what_is_retained(journal: Journal) -> None:
    """One that ends loses what it has not confirmed; noting it again, or of nobody, changes nothing."""
    await changed_twice(await keeping(journal))
    await keeping(journal)
    await keeping(journal, "nobody")
    await keeping(journal, "home")

    assert versions(await leased(journal, "home")) == [(1, True), (2, True), (3, False)]
    assert [member.keeps_history for member in await journal.members()] == [True, True]
    await journal.note_history("home", keeps=False)
    assert versions(await leased(journal, "home")) == [(3, False)]
    assert versions(await leased(journal, "standby")) == [(1, True), (2, True), (3, False)]
    assert [(member.name, member.keeps_history) for member in await journal.members()] == [
        ("home", False),
        ("standby", True),
    ]


async def test_what_waits_for_a_superseded_version_is_due_when_that_is_settled(journal: Journal) -> None:
    """The version was under way when it was replaced, and may still be."""
    await put(await keeping(journal), remember("m"))
    [under_way] = await leased(journal, "standby", LONG)
    await put(journal, update("m", "coffee"))
    await put(journal, update("m", "milk", base=2, version=3))
    assert await due(journal, "standby") == []

    await settle(journal, Done(seq=under_way.seq, provider="standby", lease=under_way.lease))

    assert versions(await leased(journal, "standby")) == [(2, True), (3, False)]


async def test_a_superseded_version_can_be_postponed(journal: Journal) -> None:
    """Its failure is noted with it, and those that wait for it wait for as long."""
    await put(await keeping(journal), remember("m"))
    [under_way] = await leased(journal, "standby", LONG)
    await put(journal, update("m", "coffee"))
    postponed = Postponed(seq=under_way.seq, provider="standby", delay=0, error="x", counts=True, lease=under_way.lease)
    await settle(journal, postponed)

    found = await leased(journal, "standby")
    assert versions(found) == [(1, True), (2, False)]
    assert [(one.failures, one.error) for one in found if one.superseded] == [(1, "x")]
    await settle(journal, replace(postponed, delay=LONG, lease=None))
    assert versions(await leased(journal, "standby")) == [(2, False)]


async def test_leases_of_several_versions_are_renewed(journal: Journal) -> None:
    """Deliveries of one memory that were leased together have one lease, which each of them renews."""
    await changed_twice(await keeping(journal))
    taken = await leased(journal, "standby", LONG)

    renewed = await journal.renew("standby", [one.lease for one in taken], 0)

    assert None not in renewed
    assert len(set(renewed)) == 1
    assert versions(await leased(journal, "standby")) == [(1, True), (2, True), (3, False)]


async def test_superseded_versions_are_listed_retried_and_discarded(journal: Journal) -> None:
    """One that is discarded is simply not delivered any more, since no read depends on it."""
    first, second, newest = await changed_twice(await keeping(journal))
    seqs = [first.seq, second.seq, newest.seq]
    assert [one.seq for one in await journal.pending(10, provider="standby")] == seqs
    assert [(one.seq, one.provider) for one in await journal.pending(2)] == [(seq, "standby") for seq in seqs[:2]]
    assert [one.seq for one in await journal.pending(10, provider="standby", after=first.seq)] == seqs[1:]

    await settle(journal, *[Dead(seq=seq, provider="standby", error="x") for seq in seqs])
    assert [one.seq for one in await journal.dead(2)] == seqs[:2]
    assert [one.seq for one in await journal.dead(10, after=first.seq)] == seqs[1:]
    assert await journal.retry(first.seq, "standby")
    assert await due(journal, "standby") == [first.seq]
    assert await journal.discard(second.seq, "standby")
    assert not await journal.discard(second.seq, "standby")
    assert await backlog(journal, "standby") == (1, 1, 0)
    assert await journal.discard(newest.seq, "standby")
    assert await backlog(journal, "standby") == (1, 0, 1)


async def test_a_member_that_leaves_takes_its_deliveries_along(journal: Journal) -> None:
    """Without anybody who keeps history nothing more is kept, and what is there goes."""
    *_, newest = await changed_twice(await keeping(journal))
    await journal.leave("standby")
    await put(journal, update("m", "water", base=3, version=4))

    assert await retained(journal) == [(1, True), (2, True), (4, False)]
    await confirm(journal, newest, "home")
    await journal.prune(0)
    assert await retained(journal) == [(4, False)]
