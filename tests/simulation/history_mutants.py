"""A design that keeps less of the history of memories than it promises."""

from providers.journal.base import Journal
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal


class CollapsesSuperseded(RealDesign):
    """The journal has one operation of each memory, and delivers the newest one alone."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that forgets what is superseded."""
        return _Collapsing(runner, looks=looks)


class _Collapsing(SimulatedJournal):
    async def note_history(self, name: str, *, keeps: bool) -> None:
        """Believe that no store keeps any."""
