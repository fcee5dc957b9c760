"""A page of the memories that an owner has deleted, as the first provider that answers holds their tombstones."""

from msgspec import Struct

from providers.chain.deadline import CallOptions, Deadline
from providers.chain.link import Link
from providers.chain.policy import OperationClass
from providers.chain.route import NobodyInSync, Route
from providers.errors import Unavailable
from providers.owners import Owner
from providers.replica import MAX_SNAPSHOTS
from providers.types import Snapshot


class TombstonesPage(Struct, frozen=True):
    """Tombstones by id; `next_after` is the id behind which the next page begins, None if this is the last one.

    A page may have no tombstone at all: live memories stand between them.
    """

    tombstones: list[Snapshot]
    next_after: str | None


async def tombstones_page(route: Route, owner: Owner, after: str | None) -> TombstonesPage:
    """Return the tombstones among the next states of an owner whose ids are greater than `after`.

    What waits in the journal for the provider is not among them yet.

    Raises:
        Unavailable: no provider that has received everything answers.
    """
    trouble: Unavailable = NobodyInSync("no provider has received everything")
    for link in route.readers:
        try:
            return await _page(link, owner, after)
        except Unavailable as error:
            trouble = error
    raise trouble


async def _page(link: Link, owner: Owner, after: str | None) -> TombstonesPage:
    deadline = Deadline.after(link.attempts.seconds(OperationClass.READ))
    states = await link.call(
        lambda provider: provider.snapshots(owner, MAX_SNAPSHOTS, after=after),
        OperationClass.READ,
        CallOptions(deadline),
        size=MAX_SNAPSHOTS,
        owner=owner,
    )
    last = states[-1].id if len(states) == MAX_SNAPSHOTS else None
    return TombstonesPage([state for state in states if state.deleted], last)
