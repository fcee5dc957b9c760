"""The places of one memory: what each provider of a chain holds of it, and what is still on its way there."""

import asyncio
import time
from collections.abc import Callable, Mapping
from enum import StrEnum
from functools import reduce

from msgspec import Struct

from providers.chain.comparing.comparison import Fault, fault
from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import Route
from providers.errors import ProviderError
from providers.journal.base import Journal, JournalUnavailable
from providers.journal.operations import JournalEntry
from providers.owners import Owner
from providers.states.merging import merged
from providers.types import Snapshot


class Standing(StrEnum):
    """How a provider stands to the state of a memory that all should hold."""

    PRESENT = "present"
    TOMBSTONE = "tombstone"  # it knows that the memory was deleted
    PENDING = "pending"  # the journal has something for it that it lacks
    UNFILLED = "unfilled"  # it has not received everything yet, and lacks this memory
    MISSING = "missing"
    OLDER = "older"
    CONFLICTING = "conflicting"  # it has another text under the same version
    UNDELETED = "undeleted"  # it has a live copy of a memory that was deleted
    UNRECORDED = "unrecorded"  # it knows nothing of a memory that was deleted
    ABSENT = "absent"  # nobody who answers knows such a memory
    UNKNOWN = "unknown"  # it does not answer


class MemoryPlace(Struct, frozen=True, kw_only=True):
    """What one provider has: the state that it `holds`, None also where it does not answer, for which `trouble` is why.

    `pending` is whether the journal waits for its confirmation.
    """

    provider: str
    standing: Standing
    pending: bool = False
    holds: Snapshot | None = None
    trouble: str | None = None


class MemoryPlaces(Struct, frozen=True, kw_only=True):
    """Every place of a memory, in the order of the chain.

    `wanted` is the state that all should hold, None if nobody who answers knows one; `journal_error` is why the journal
    did not answer, so that what is pending is not known.
    """

    wanted: Snapshot | None
    places: tuple[MemoryPlace, ...]
    journal_error: str | None = None


class _HeldState(Struct, frozen=True):
    holds: Snapshot | None
    trouble: str | None = None


async def places_of(
    route: Route, journal: Journal | None, owner: Owner, memory_id: str, now: Callable[[], float] = time.monotonic
) -> MemoryPlaces:
    """Ask the journal, and every provider at once, each within the time limit of a read, and compare their answers.

    As in comparisons of whole stores, a live memory counts where a provider has received everything, and a tombstone
    wherever it is. `memory_id` is canonical.
    """
    entry, journal_error = await _entry(journal, owner, memory_id)
    answers = await asyncio.gather(*(_asked(link, owner, memory_id, now) for link in route.links))
    held = {link.name: answer for link, answer in zip(route.links, answers, strict=True)}
    wanted = _wanted(held, route, entry)
    pending = frozenset() if entry is None else entry.pending
    return MemoryPlaces(
        wanted=wanted,
        places=tuple(
            MemoryPlace(
                provider=name,
                standing=_standing(answer, wanted, pending=name in pending, complete=name in route.in_sync),
                pending=name in pending,
                holds=answer.holds,
                trouble=answer.trouble,
            )
            for name, answer in held.items()
        ),
        journal_error=journal_error,
    )


async def _entry(journal: Journal | None, owner: Owner, memory_id: str) -> tuple[JournalEntry | None, str | None]:
    if journal is None:
        return None, None
    try:
        return await journal.newest(owner, memory_id), None
    except JournalUnavailable as error:
        return None, error.reason


async def _asked(link: Link, owner: Owner, memory_id: str, now: Callable[[], float]) -> _HeldState:
    deadline = Deadline.after(link.attempts.seconds(OperationClass.READ), now)
    try:
        held = await link.call(
            lambda provider: provider.snapshot(owner, memory_id), OperationClass.READ, CallOptions(deadline)
        )
    except ProviderError as error:
        return _HeldState(None, str(error))
    return _HeldState(held)


def _wanted(held: Mapping[str, _HeldState], route: Route, entry: JournalEntry | None) -> Snapshot | None:
    heard = route.in_sync or held.keys()
    states = [one.holds for name, one in held.items() if one.holds and (one.holds.deleted or name in heard)]
    if entry is not None:
        states.append(entry.state)
    return reduce(merged, states) if states else None


def _standing(answer: _HeldState, wanted: Snapshot | None, *, pending: bool, complete: bool) -> Standing:
    if answer.trouble is not None:
        return Standing.UNKNOWN
    if wanted is None:
        return Standing.ABSENT if answer.holds is None else Standing.PRESENT
    found = fault(answer.holds, wanted)
    if found is None:
        return Standing.TOMBSTONE if wanted.deleted else Standing.PRESENT
    if pending:
        return Standing.PENDING
    return Standing.UNFILLED if found is Fault.MISSING and not complete else Standing(found.value)
