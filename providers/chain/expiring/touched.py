"""Touches that home has missed: what slides is erased only if no other store knows better."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from providers.chain.comparing.store import ComparedStore
from providers.expiry import has_expired
from providers.owners import Owner
from providers.states.touching import with_touch
from providers.touches import Touch
from providers.types import Snapshot


async def still_expired(
    home: ComparedStore, others: Sequence[ComparedStore], states: Sequence[Snapshot], before: datetime
) -> list[Snapshot]:
    """Return what of home's states had expired by a moment, whichever store knows the last touch; home learns of it.

    Raises:
        Unavailable: a store does not answer, and may have been touched last.
    """
    ids: defaultdict[Owner, list[str]] = defaultdict(list)
    for state in states:
        if state.sliding_seconds is not None:
            ids[state.owner].append(state.id)
    known = {(state.owner, state.id): state for state in states}
    for owner, memory_ids in ids.items():
        for other in others:
            for head in (await other.heads(owner, memory_ids)).values():
                known[owner, head.id] = with_touch(known[owner, head.id], head.touched_at)
    missed = [
        Touch(owner=state.owner, memory_id=state.id, moment=known[state.owner, state.id].touched_at or before)
        for state in states
        if known[state.owner, state.id] is not state
    ]
    if missed:
        await home.touch(missed)
    return [state for state in states if has_expired(known[state.owner, state.id], before)]
