"""A newcomer beside a provider that has everything, and its backfill."""

import pytest

from providers.chain.backfill import Backfill, NotBackfilled, Progress
from providers.owners import Owner
from providers.types import Snapshot
from tests.providers.chain.stage import USER, Stage
from tests.support.frail import FrailProvider

TOO_MUCH = "new holds 1 memory that old does not: if they belong to this chain, run `ninai providers merge new`"


class Filling:
    """A newcomer beside a provider that has everything."""

    def __init__(self, stage: Stage) -> None:
        self.stage = stage
        self.source = stage.store()
        self.target = stage.store()
        self.told: list[Progress] = []

    async def join(self) -> "Filling":
        """Make them members."""
        await self.stage.journal.join("old", await self.source.identity())
        await self.stage.journal.join("new", await self.target.identity())
        return self

    async def fill(self, holder: str = "one") -> None:
        """Fill the newcomer, as one process does."""
        source, target = self.stage.link("old", self.source), self.stage.link("new", self.target)
        await Backfill(holder, self.stage.journal, source, target, self.told.append, self.stage.clock).run()

    async def refusal(self) -> str:
        """Fill the newcomer, which must not succeed, and return why."""
        with pytest.raises(NotBackfilled) as raised:
            await self.fill()
        assert await self.stage.complete() == {"old"}
        return str(raised.value)


async def state_in(store: FrailProvider, memory_id: str, user_id: str = USER) -> Snapshot:
    """Return the state of a memory that is there."""
    state = await store.snapshot(Owner(user_id), memory_id)
    assert state is not None
    return state
