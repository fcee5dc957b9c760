"""Looking whether a store that may be stale shows what it has taken, before a delivery to it is done."""

from collections.abc import Sequence

from providers.batches import answer_all
from providers.chain.deadline import CallOptions
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.errors import Rejected
from providers.journal.operations import Delivery, Done, Held, OperationKind
from providers.states.merging import rank
from providers.types import Snapshot

_AT_ONCE = 4  # looks


def taken(link: Link, seq: int) -> Done | Held:
    """Return the settlement of a delivery that the provider has just taken.

    One that may be stale does not show it everywhere yet: the delivery stays pending, so that the overlay shows it.
    """
    staleness = link.provider.staleness
    return Held(seq=seq, provider=link.name, delay=staleness) if staleness > 0 else Done(seq=seq, provider=link.name)


async def shown_by(link: Link, deliveries: Sequence[Delivery], options: CallOptions) -> list[bool]:
    """Return, in order, whether the provider shows the state of each delivery, or one that has replaced it.

    Raises:
        Unavailable: it does not answer.
    """

    async def look(delivery: Delivery) -> bool:
        owner, memory_id = delivery.state.owner, delivery.state.id
        held = await link.call(
            lambda store: store.snapshot(owner, memory_id), OperationClass.REPLAY, options, owner=owner
        )
        return held is not None and _is_shown(held, delivery)

    answers = await answer_all(deliveries, look, _AT_ONCE, values=Rejected)
    return [answer is True for answer in answers]


def _is_shown(held: Snapshot, delivery: Delivery) -> bool:
    if held.deleted or delivery.state.deleted:
        return held.deleted
    # What creates a memory is there once anything is: where it was a repetition, later changes have come before it.
    return delivery.kind is OperationKind.REMEMBER or rank(held) >= rank(delivery.state)
