"""The filling of vectors: memories that were stored without one get it, after an outage or for a new embedder."""

import random
import time
from collections.abc import Callable, Sequence

from providers.keyed.filling import FillingReport, filled_for_ever
from providers.keyed.shelf import parts_of
from providers.owners import Owner
from providers.redis.keys import Keyspace
from providers.redis.nearest import VectorSets
from providers.redis.reader import RedisReader
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf
from providers.redis.vector_scripts import LACKING, WAITING
from providers.replica import MAX_OWNERS

SWEEP_EVERY = 3600.0  # seconds, for all owners, of whom another process may have stored something without a vector
_LOOKED_AT = 1_000  # memories of one script
_FEW = (
    0.9  # of as many memories as are ranked without a vector set; below that a set goes, so that it need not soon again
)


class OwnerFilling:
    """Embed what has no vector, again and again; it is told as a change to those that rank.

    What this process has stored without one is known; for the rest all owners are looked through now and then.
    """

    def __init__(
        self,
        servers: Servers,
        keyspace: Keyspace,
        shelf: RedisShelf,
        reader: RedisReader,
        sets: VectorSets,
        report: FillingReport,
        now: Callable[[], float] = time.monotonic,
    ) -> None:
        self._servers, self._keyspace = servers, keyspace
        self._shelf, self._reader, self._vectors = shelf, reader, shelf.vectors
        self._sets, self._report, self._now = sets, report, now
        self._sweep_at = now()
        self._waiting: dict[Owner, int] = {}
        self._living = 0

    async def run(self) -> None:
        """Fill for ever; without an embedder there is nothing to do."""
        await filled_for_ever(self._vectors, self.fill)

    async def fill(self) -> int:
        """Give a vector to what has none, as far as the embedder makes one now; return to how many memories.

        Raises:
            Unavailable: the server does not answer.
        """
        if self._now() >= self._sweep_at or self._vectors.overflowed:
            self._vectors.overflowed = False
            await self._sweep()
            self._sweep_at = self._now() + SWEEP_EVERY
        noted = self._vectors.noted()
        for owner, ids in noted.items():
            self._waiting[owner] = max(self._waiting.get(owner, 0), len(ids))
        filled = 0
        # In an order of its own, so that several processes do not do the same.
        for owner in random.sample([*self._waiting], len(self._waiting)):
            self._show()
            ids = noted.pop(owner, set())
            some, left = await self._filled(owner, sorted(ids))
            filled += some
            if left:  # the embedder does not embed now
                self._vectors.note(owner, ids)
                break
            del self._waiting[owner]
        for owner, ids in noted.items():
            self._vectors.note(owner, ids)
        self._show()
        return filled

    async def _sweep(self) -> None:
        """Count the memories without a vector of all owners, and remove the vector sets that nobody needs any more."""
        waiting: dict[Owner, int] = {}
        living, last = 0, None
        while owners := await self._reader.owners(MAX_OWNERS, last):
            for owner in owners:
                keys = self._keyspace.of(owner)
                command = WAITING.command(keys.all, self._vectors.model or "")
                [[there, lacking, gathered]] = await self._servers.run(keys.states, [command])
                living += there
                if lacking:
                    waiting[owner] = lacking
                if gathered and there <= self._sets.most * _FEW:
                    await self._sets.scatter(owner)
            last = owners[-1]
        self._waiting, self._living = waiting, living

    async def _filled(self, owner: Owner, noted: Sequence[str]) -> tuple[int, int]:
        """Return how many memories of an owner have got a vector, and how many could get none now."""
        filled = await self._embedded(owner, noted)
        keys, after = self._keyspace.of(owner), "-"
        while not filled[1]:
            command = LACKING.command(keys.all, self._vectors.model or "", after, _LOOKED_AT)
            [[last, lacking]] = await self._servers.run(keys.states, [command])
            if not last:
                break
            after = f"({last.decode()}"
            some = await self._embedded(owner, [memory_id.decode() for memory_id in lacking])
            filled = filled[0] + some[0], some[1]
        return filled

    async def _embedded(self, owner: Owner, ids: Sequence[str]) -> tuple[int, int]:
        filled = left = 0
        for part in parts_of(ids):
            some, left = await self._shelf.embed(owner, part)
            filled += some
            self._waiting[owner] = max(0, self._waiting[owner] - some)
            self._show()
            if left:
                break
        return filled, left

    def _show(self) -> None:
        self._report.show(sum(self._waiting.values()), self._living)
