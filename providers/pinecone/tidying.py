"""Removing the copies that count no more, once reads show the one that counts."""

import asyncio
import time
from collections import OrderedDict, defaultdict
from collections.abc import Callable, Sequence
from functools import reduce

import structlog

from providers.errors import ProviderError
from providers.keyed.shelf import AT_ONCE
from providers.owners import Owner
from providers.pinecone.records import FoundCopies, name_of, record_named, records_of
from providers.pinecone.shelf import PineconeShelf
from providers.states.merging import merged

MOST_DUE = 100_000  # memories that wait; whoever reads one that does not brings it again
LEAST_WAIT = 0.05  # seconds, in which several changes of a memory are waited for
_AGAIN_SECONDS = 5.0  # after a failure

_log = structlog.get_logger(__name__)


class Tidying:
    """Tidy memories up after `staleness` seconds, in the background."""

    def __init__(self, staleness: float, now: Callable[[], float] = time.monotonic) -> None:
        self._wait, self._now = max(staleness, LEAST_WAIT), now
        self._due: OrderedDict[tuple[Owner, str], float] = OrderedDict()  # the earliest first
        self._more = asyncio.Event()

    def add(self, owner: Owner, memory_id: str) -> None:
        """Have a memory tidied up."""
        if len(self._due) < MOST_DUE and (owner, memory_id) not in self._due:
            self._due[owner, memory_id] = self._now() + self._wait
            self._more.set()

    async def run(self, shelf: PineconeShelf) -> None:
        """Tidy up for ever."""
        while True:
            await self._more.wait()
            if not self._due:
                self._more.clear()
                continue
            await asyncio.sleep(max(0.0, next(iter(self._due.values())) - self._now()))
            owner, ids = self._next()
            try:
                async with shelf.lock(owner):
                    await tidied(shelf, owner, ids)
            except ProviderError as error:
                _log.info("pinecone_copies_left", memories=len(ids), error=type(error).__name__)
                for memory_id in ids:
                    self.add(owner, memory_id)
                await asyncio.sleep(_AGAIN_SECONDS)

    def _next(self) -> tuple[Owner, list[str]]:
        """Take out the memories that are due of the owner whose memory is due first."""
        of_owners: defaultdict[Owner, list[str]] = defaultdict(list)
        now = self._now()
        for (owner, memory_id), due in self._due.items():
            if due > now and of_owners:
                break
            of_owners[owner].append(memory_id)
        owner, ids = next(iter(of_owners.items()))
        for memory_id in ids[:AT_ONCE]:
            del self._due[owner, memory_id]
        return owner, ids[:AT_ONCE]


async def tidied(shelf: PineconeShelf, owner: Owner, ids: Sequence[str]) -> None:
    """Leave one copy of each memory, if the index shows the one that counts; write it first if no copy holds it."""
    gone: list[str] = []
    for copies in (await shelf.copies(owner, ids)).values():
        if not copies.whole:
            continue
        state = reduce(merged, copies.whole.values())
        name = name_of(state)
        if name.text in copies.whole:
            gone += _of_no_more_use(copies, name.text, state.version)
        else:
            await shelf.put(owner, records_of(state), [state])
    if gone:
        await shelf.remove(owner, gone)


def _of_no_more_use(copies: FoundCopies, text: str, version: int) -> list[str]:
    """Return the records of the other copies; of one that is not whole only if it could not count either."""
    names = [name for name in map(record_named, copies.records) if name is not None and name.copy.text != text]
    return [
        name.id
        for name in names
        if name.copy.text in copies.whole or (not name.copy.deleted and name.copy.version < version)
    ]
