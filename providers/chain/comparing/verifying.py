"""The verification of a copy: what its target lacks, what only the target knows, and what only the target holds."""

from collections.abc import AsyncGenerator
from contextlib import aclosing
from functools import reduce

from msgspec import Struct

from providers.chain.comparing.aligning import aligned
from providers.chain.comparing.comparison import Fault, fault
from providers.chain.comparing.flux import brings_in_line
from providers.chain.comparing.store import ComparedStore
from providers.journal.base import Journal
from providers.owners import Owner
from providers.states.merging import merged
from providers.types import Snapshot


class Verified(Struct, frozen=True, kw_only=True):
    """The result for one memory that the source holds, or that is live at the target.

    `missing` is the state that the target must get, and `unrecorded` says that it is the tombstone of a memory that the
    target never held. `deletion` is the tombstone that only the target knows. `extra` is true if the target holds what
    the source does not, or a newer version with another text.
    """

    missing: Snapshot | None = None
    unrecorded: bool = False
    deletion: Snapshot | None = None
    extra: bool = False


AGREED = Verified()


class Verifier(Struct, frozen=True):
    """Compare the target of a copy with its source; deliveries that are under way count as made.

    So do dead letters, which are an operator's.
    """

    journal: Journal
    source: ComparedStore
    target: ComparedStore

    async def owners(self) -> AsyncGenerator[Owner, None]:
        """Yield every owner of the two stores once, ascending."""
        streams = {"source": self.source.owners(), "target": self.target.owners()}
        async with aclosing(aligned(streams, lambda owner: owner.key)) as rows:
            async for key, _ in rows:
                yield Owner.of_key(key)

    async def results(self, owner: Owner) -> AsyncGenerator[Verified, None]:
        """Yield a result for each of an owner's memories that the source holds, or that the target alone has live."""
        streams = {"source": self.source.states(owner), "target": self.target.states(owner)}
        async with aclosing(aligned(streams, lambda state: state.id)) as rows:
            async for _, held in rows:
                result = _result(held["source"], held["target"])
                if result is not None:
                    yield result if result is AGREED else await self._judged(result, held)

    async def _judged(self, result: Verified, held: dict[str, Snapshot | None]) -> Verified:
        """Return a result in the light of what the journal knows of the memory."""
        wanted = reduce(merged, [state for state in held.values() if state is not None])
        entry = await self.journal.newest(wanted.owner, wanted.id)
        if entry is None or not brings_in_line(entry, wanted):
            return result
        if result.missing is None or self.target.name in entry.pending or entry.state.deleted != wanted.deleted:
            return AGREED
        # It was confirmed, perhaps after the target was read; only what it lacks even now it has lost.
        now = _result(held["source"], await self.target.state(wanted.owner, wanted.id))
        return AGREED if now is None or now.missing is None else now


def _result(wanted: Snapshot | None, held: Snapshot | None) -> Verified | None:
    """Compare what the source and the target hold of one memory; None if it concerns the target alone.

    The target gets the tombstones of memories that it never held, too: it may become the only store that remembers a
    deletion when another one, which was away, comes back with the memory.
    """
    if wanted is None:
        # Tombstones of memories that the source never held are the target's own: those of a stranger would fill home.
        return None if held is None or held.deleted else Verified(extra=True)
    if held is None or not held.deleted:
        kind = fault(held, wanted if held is None else merged(wanted, held))
        if kind is not None:
            return Verified(missing=wanted, unrecorded=kind is Fault.UNRECORDED)
        # A memory may carry a later version here if its write was repeated while no provider could be asked for the
        # first. Such a one differs in nothing else.
        newer = held is not None and merged(wanted, held) is not wanted
        same_text = held is not None and (held.content, held.metadata) == (wanted.content, wanted.metadata)
        return Verified(extra=True) if newer and not same_text else AGREED
    return AGREED if wanted.deleted else Verified(deletion=held)
