"""Erasing a user from one store, and asking the store afterwards whether anything is left."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from providers.answers import APPROXIMATE, INDEX_LOADING, NO_VECTOR, PARTIAL
from providers.chain.erasing.sampling import Sample, asked
from providers.chain.link import Link
from providers.erasure.fences import Fence
from providers.erasure.receipts import OUTRUN, Erasure, StoreErasure
from providers.errors import ProviderError, Unsupported
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS
from providers.source import IMPORTED
from providers.types import RecallQuery, Snapshot

PURGED_AT_ONCE = 500  # states in one call: mem0 is asked once for each
_KEEPS_TOMBSTONES = "the store cannot forget what it has deleted: tombstones without text stay, with the user's name"
_TEXTS_GONE = "by words and by vector: the texts were gone when the erasure was taken up again"
_NOTHING_SEEN = "by id: the store had not answered before the texts went"


class StoreEraser(Struct):
    """Erase from the stores behind links; `moment` is what the journal's clock says.

    Without a journal, which would refuse it, a store that is `alone` may have been changed by a process that had not
    heard of the fence: what it made of a memory that was to be erased is above it.
    """

    moment: Callable[[], Awaitable[float]]
    alone: bool = False
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    async def erase(self, link: Link, erasure: Erasure, fence: Fence, sample: Sample) -> StoreErasure:
        """Remove everything up to the fence, ask for it, and return what came of it; a failure is a trouble in it."""
        former = erasure.of(link.name)
        owner, version = erasure.whose, erasure.version
        count = former.states
        try:
            await asked(link, lambda provider: provider.put_fences([fence]))
            unconfirmed: list[str] = []
            try:
                count += await purged(link, owner, version)
            except Unsupported:
                unconfirmed.append(_KEEPS_TOMBSTONES)
            await self.sleep(link.provider.staleness)
            ids = await self._shown_ids(link, owner, version, sample)
            listed, made_of_it = await self._shown_in_list(link, owner, version, live_only=bool(unconfirmed))
            if made_of_it and self.alone:
                return replace(former, states=count, trouble=OUTRUN)
            left = [*ids, *listed]
            asked_for, further, found = await self._shown_in_recall(link, owner, version, sample)
            left += found
            stays = await asked(link, lambda provider: provider.remains())
        except ProviderError as error:
            return replace(former, states=count, trouble=f"{error.outcome}: what was done is done again")
        if left:
            return replace(former, states=count, trouble=f"it still shows {len(set(left))} of the memories")
        return StoreErasure(
            provider=link.name,
            states=count,
            ids=len(sample.ids),
            listed=True,
            questions=asked_for,
            unconfirmed=(*unconfirmed, *([] if sample.read else [_NOTHING_SEEN]), *further),
            stays=stays,
            erased_at=await self.moment(),
        )

    async def _shown_ids(self, link: Link, owner: Owner, version: int, sample: Sample) -> list[str]:
        """Return those of the sample that the store still shows by their ids."""
        found = []
        for memory_id in sample.ids:
            one = memory_id
            state = await asked(
                link,
                lambda provider: provider.snapshot(owner, one),  # noqa: B023 - awaited before the next turn
                owner=owner,
            )
            if state is not None and not state.deleted and state.version <= version:
                found.append(memory_id)
        return found

    async def _shown_in_list(
        self, link: Link, owner: Owner, version: int, *, live_only: bool
    ) -> tuple[list[str], bool]:
        """Return what the store still lists, and whether it lists something that was made of what it had to erase.

        Of a store that keeps tombstones they do not count.
        """
        found: list[str] = []
        made_of_it = False
        after: str | None = None
        while True:
            place = after
            page = await asked(
                link,
                lambda provider: provider.snapshots(owner, MAX_SNAPSHOTS, after=place),  # noqa: B023 - awaited before the next turn
                MAX_SNAPSHOTS,
                owner=owner,
            )
            found += [state.id for state in page if state.version <= version and not (live_only and state.deleted)]
            made_of_it = made_of_it or any(_is_made_of_erased(state, version) for state in page)
            if len(page) < MAX_SNAPSHOTS:
                return found, made_of_it
            after = page[-1].id

    async def _shown_in_recall(
        self, link: Link, owner: Owner, version: int, sample: Sample
    ) -> tuple[int, Sequence[str], list[str]]:
        """Return how many texts were asked for, what could not be confirmed, and what the store still finds."""
        if not sample.read:
            return 0, [_TEXTS_GONE], []
        found, further, count = [], dict[str, None](), 0
        for text in sample.questions:
            query = RecallQuery(owner=owner, query=text)
            try:
                answer = await asked(
                    link,
                    lambda provider: provider.find(query),  # noqa: B023 - awaited before the next turn
                    owner=owner,
                )
            except ProviderError as error:
                further[f"by words and by vector: {error.outcome}"] = None
                continue
            count += 1
            if NO_VECTOR in answer.degraded:
                further["by vector: the embedder returned none for the question"] = None
            for reason in {APPROXIMATE, INDEX_LOADING, PARTIAL}.intersection(answer.degraded):
                further[f"by words and by vector: the answer was {reason}"] = None
            found += [memory.id for memory in answer.memories if 0 < memory.version <= version]
        return count, [*further], found


def _is_made_of_erased(state: Snapshot, version: int) -> bool:
    """Return whether a memory above a fence was there before, and has been changed since.

    What comes from elsewhere brings its first version along; its owner has come back to import it.
    """
    imported = state.source is not None and state.source.origin == IMPORTED
    was_there = 0 < state.first_version <= version < state.version
    return was_there and state.edited and not state.deleted and not imported


async def purged(link: Link, owner: Owner, version: int) -> int:
    """Remove all states of an owner up to a version from a store, and return how many there were.

    Raises:
        Unavailable: the store does not answer.
        Unsupported: it cannot forget what it has deleted.
    """
    total = 0
    while count := await asked(
        link, lambda provider: provider.purge(owner, version, PURGED_AT_ONCE), PURGED_AT_ONCE, owner=owner
    ):
        total += count
    return total
