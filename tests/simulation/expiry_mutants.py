"""A design that erases what has expired by the clock of whoever happens to read."""

from datetime import datetime

from msgspec.structs import asdict

from providers.chain.comparing.store import ComparedStore
from providers.chain.expiring.sweeper import ExpirySweeper
from providers.journal.base import Journal
from tests.simulation.design import RealDesign


class ErasesByReadersClock(RealDesign):
    """Each process believes its own clock, and asks neither the store nor the journal."""

    def sweeper(self, sweeper: ExpirySweeper) -> ExpirySweeper:
        """Return a sweep that believes its process."""
        return _Believing(**asdict(sweeper))


class _Believing(ExpirySweeper):
    async def reached(self, store: ComparedStore, journal: Journal | None) -> datetime | None:
        return self.clock.moment()
