"""Every journal promises that equal user and memory ids of two tenants are two memories, in whatever it tells."""

from msgspec import UNSET

from providers.journal.base import Journal
from providers.journal.operations import Dead
from providers.owners import Owner
from tests.providers.journal.rig import confirm, delete, leased, put, remember, settle, update

BOB, OTHER = Owner("bob"), Owner("bob", "acme")
OWNERS = (BOB, OTHER)


async def test_two_tenants_have_two_entries(journal: Journal) -> None:
    """The same ids are appended for each, and each finds its own alone."""
    mine, others = [await put(journal, remember("m", owner.tenant, user=owner.key)) for owner in OWNERS]

    assert [await journal.newest(owner, "m") for owner in OWNERS] == [mine, others]
    assert [await journal.entries(owner, "home", 9, 9) for owner in OWNERS] == [[mine], [others]]
    assert [entry.state.owner for entry in (mine, others)] == [BOB, OTHER]
    assert await journal.newest(Owner("bob", "globex"), "m") is None


async def test_a_change_or_a_deletion_replaces_nothing_of_another_tenant(journal: Journal) -> None:
    """What one tenant edits or deletes the other still has."""
    for owner in OWNERS:
        await put(journal, remember("m", user=owner.key))
    await put(journal, update("m", "coffee", user=OTHER.key))
    await put(journal, delete("m", user=BOB.key))

    assert [await journal.deleted(owner, ["m"]) for owner in OWNERS] == [{"m"}, set()]
    newest = await journal.newest(OTHER, "m")
    assert newest is not None
    assert newest.state.content == "coffee"


async def test_deliveries_go_where_they_belong(journal: Journal) -> None:
    """Each delivery is leased and confirmed by itself, and bears its owner."""
    entries = [await put(journal, remember("m", user=owner.key)) for owner in OWNERS]

    deliveries = await leased(journal, "home", 60.0)
    assert [(one.seq, one.state.owner) for one in deliveries] == [
        (entry.seq, owner) for entry, owner in zip(entries, OWNERS, strict=True)
    ]
    await confirm(journal, entries[0])
    assert [await journal.entries(owner, "home", 9, 9) for owner in OWNERS] == [[], [entries[1]]]


async def test_operators_read_the_tenant(journal: Journal) -> None:
    """Pending deliveries and dead letters name the user as it was sent, and a tenant unless it is the default one."""
    entries = [await put(journal, remember("m", user=owner.key)) for owner in OWNERS]
    await settle(journal, *[Dead(seq=entry.seq, provider="home", error="no") for entry in entries])

    for told in (await journal.dead(9), await journal.pending(9)):
        assert [(one.user_id, one.tenant) for one in told] == [("bob", UNSET), ("bob", "acme")]
        assert [one.owner for one in told] == [BOB, OTHER]
    assert [one.owner.label for one in await journal.dead(9)] == ["bob", "acme/bob"]
