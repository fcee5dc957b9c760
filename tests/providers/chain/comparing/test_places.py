"""Where one memory is: what each provider has of it, and what is on its way there."""

from msgspec.structs import replace

from providers.chain.comparing.places import MemoryPlaces, Standing, places_of
from providers.chain.route import Route
from providers.journal.operations import Operation, OperationKind
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.comparing.scenery import Stores
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.states import live, tombstone


async def places(stores: Stores, state: Snapshot, *, journalled: bool = True) -> MemoryPlaces:
    """Ask everybody for a memory."""
    route = Route(tuple(stores.links), stores.complete)
    journal = stores.stage.journal if journalled else None
    return await places_of(route, journal, Owner(USER), state.id, stores.stage.clock)


def standings(found: MemoryPlaces) -> dict[str, Standing]:
    """What each provider has."""
    return {place.provider: place.standing for place in found.places}


def test_every_way_to_have_a_live_memory_is_told_apart() -> None:
    """The newest version is what all should have, also where one of them is not filled yet."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abcdef", "abcde").join()
        memory = replace(live(USER), version=2_000)
        await stores.put("a", memory)
        await stores.put("b", replace(memory, version=1_000, content="older"))
        await stores.put("d", replace(memory, content="of another"))
        stores["e"].down = True

        found = await places(stores, memory)

        assert standings(found) == {
            "a": Standing.PRESENT,
            "b": Standing.OLDER,
            "c": Standing.MISSING,
            "d": Standing.CONFLICTING,
            "e": Standing.UNKNOWN,
            "f": Standing.UNFILLED,
        }
        assert found.wanted == memory
        assert found.places[4].trouble is not None
        assert found.places[4].holds is None

    staged(main)


def test_what_the_journal_is_about_to_deliver_is_no_difference() -> None:
    """It has it already, and those that confirm it have it, too."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        memory = live(USER)
        await stage.journal.append([Operation(kind=OperationKind.REMEMBER, state=memory)])
        await stores.put("a", memory)

        before = await places(stores, memory)
        await stores.deliver()
        after = await places(stores, memory)

        assert standings(before) == {"a": Standing.PRESENT, "b": Standing.PENDING}
        assert [place.pending for place in before.places] == [True, True]
        assert standings(after) == {"a": Standing.PRESENT, "b": Standing.PRESENT}
        assert [place.pending for place in after.places] == [False, False]

    staged(main)


def test_a_deletion_that_anybody_knows_counts() -> None:
    """Also where only a provider knows it that is not complete; its live memories are nobody's."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "abw", "ab").join()
        gone, strange = live(USER, "gone"), live(USER, "of a stranger")
        await stores.put("a", gone)
        await stores.put("w", tombstone(gone, 2_000), strange)

        found, other = await places(stores, gone), await places(stores, strange)

        expected = {"a": Standing.UNDELETED, "b": Standing.UNRECORDED, "w": Standing.TOMBSTONE}
        assert standings(found) == expected
        assert other.wanted is None
        assert standings(other) == {"a": Standing.ABSENT, "b": Standing.ABSENT, "w": Standing.PRESENT}

    staged(main)


def test_a_journal_that_does_not_answer_hides_no_provider() -> None:
    """It is said why; and a chain without one is not short of anything."""

    async def main(stage: Stage) -> None:
        stores = await Stores(stage, "ab", "ab").join()
        memory = live(USER)
        await stores.put("a", memory)
        alone = await places(stores, memory, journalled=False)
        stage.disk.down = True

        found = await places(stores, memory)

        assert standings(found) == standings(alone) == {"a": Standing.PRESENT, "b": Standing.MISSING}
        assert found.journal_error is not None
        assert alone.journal_error is None

    staged(main)
