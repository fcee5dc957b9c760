"""A provider is filled from the store that has everything, and from no other; a stale one is waited for."""

from collections.abc import Awaitable, Callable, Sequence

import pytest

from providers.errors import ProviderError
from providers.journal.operations import MemberState
from providers.types import Snapshot
from tests.providers.chain.filling import Filling
from tests.providers.chain.stage import USER, Stage, staged
from tests.support.frail import FrailProvider

CHANGED = "old is not the store any more from which this was begun: it begins again"
BEHIND = 1.0  # seconds

Change = Callable[[Filling], Awaitable[object]]


async def exchanged(filling: Filling) -> None:
    """Let another store answer under the name of the source."""
    filling.source.begin_anew()


async def rolled_back(filling: Filling) -> None:
    """Let the source have lost something, as somebody else finds out."""
    identity = await filling.source.identity()
    await filling.stage.journal.restart("old", epoch=1, identity=identity, state=MemberState.COMPLETE)


async def incomplete(filling: Filling) -> None:
    """Let the source have received less than everything."""
    await filling.stage.journal.mark("old", MemberState.FILLING)


@pytest.mark.parametrize("change", [exchanged, incomplete])
def test_nothing_is_read_from_a_source_that_has_not_everything(change: Change) -> None:
    """It may have been another one by the time that the backfill was decided."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.remember(USER, "tea")
        filling.source.calls.clear()
        await change(filling)

        with pytest.raises(ProviderError, match=CHANGED):
            await filling.fill()
        assert set(filling.source.calls) <= {"introduce", "identity"}
        assert filling.target.put == []
        assert "new" not in await stage.complete()

    staged(main)


@pytest.mark.parametrize("change", [rolled_back, incomplete])
def test_a_source_that_changes_meanwhile_completes_nobody(change: Change) -> None:
    """What it had lost by then was not copied."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.remember(USER, "tea")

        async def put_many(target: FrailProvider, snapshots: Sequence[Snapshot]) -> list[ProviderError | None]:
            await change(filling)
            return await target.take(snapshots)

        filling.target.instead["put_many"] = put_many

        with pytest.raises(ProviderError, match=CHANGED):
            await filling.fill()
        assert "new" not in await stage.complete()

    staged(main)


def test_a_stale_store_is_verified_when_it_shows_what_it_took() -> None:
    """Before that it would seem to lack everything, however often that is put."""

    async def main(stage: Stage) -> None:
        filling = await Filling(stage).join()
        await filling.source.remember(USER, "tea")
        filling.target.behind = filling.target.declared = BEHIND

        await filling.fill()
        assert len(filling.target.put) == 1
        assert await stage.complete() == {"old", "new"}

    staged(main)
