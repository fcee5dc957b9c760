"""Designs that erase users, and forget something."""

from providers.chain.erasing.eraser import Eraser, Told
from providers.chain.link import Link
from providers.erasure.receipts import ErasedInJournal
from providers.journal.base import Journal
from providers.journal.sqlite.connection import JournalConnection
from tests.simulation.design import RealDesign
from tests.simulation.journal import FaultyRunner, SimulatedJournal


class ForgetsDeadLetters(RealDesign):
    """What a provider has refused again and again stays in the journal."""

    def journal(self, runner: FaultyRunner, *, looks: bool) -> Journal:
        """Return a journal that removes what is still to be delivered, and what was."""
        return _SparesDeadLetters(runner, looks=looks)


class ForgetsRestoredStores(RealDesign):
    """A store that is put back is not erased once more, and its readers are told nothing."""

    def eraser(self, eraser: Eraser) -> Eraser:
        """Return one that meets no store anew."""
        return _Forgetful(eraser.chain, eraser.clock, eraser.policy, eraser.fences, eraser.now)


class _SparesDeadLetters(SimulatedJournal):
    async def purge(self, owner_key: str, version: int) -> ErasedInJournal:
        return await self.write(lambda connection: _purged(connection, owner_key, version))


class _Forgetful(Eraser):
    async def _strangers(self) -> list[tuple[Link, Told]]:
        return []


def _purged(connection: JournalConnection, owner_key: str, version: int) -> ErasedInJournal:
    dead = "SELECT seq FROM deliveries WHERE user_id = ?1 AND due_at IS NULL"
    connection.run(f"DELETE FROM deliveries WHERE user_id = ?1 AND seq NOT IN ({dead})", (owner_key,))  # noqa: S608 - constants
    of_owner = "user_id = ?1 AND version <= ?2"
    count = connection.run(
        f"DELETE FROM operations WHERE {of_owner} AND seq NOT IN ({dead})",  # noqa: S608 - constants
        (owner_key, version),
    )
    return ErasedInJournal(operations=count)
