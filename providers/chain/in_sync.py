"""The in-sync set: which providers have received everything, and orders without any of them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from providers.chain.errors import OrderRefused
from providers.journal.operations import Member, MemberState


class InSyncSet(Struct, frozen=True):
    """Who of an order is complete; `presumed` while the journal has never told."""

    names: frozenset[str]
    presumed: bool = False


def in_sync(members: Sequence[Member]) -> frozenset[str]:
    return frozenset(member.name for member in members if member.state is MemberState.COMPLETE)


def refuse_empty(identities: Mapping[str, str | None], members: Sequence[Member]) -> None:
    """Refuse an order of stores none of which has received everything, while the journal knows one that has.

    Raises:
        OrderRefused: as told.
    """
    known = {member.name: member for member in members if member.state is MemberState.COMPLETE}
    if not known:
        return
    for name, identity in identities.items():
        member = known.get(name)
        if member is not None and (identity is None or member.identity in (None, identity)):
            return
    others = " or ".join(name for name in known if name not in identities)
    if others:
        raise OrderRefused(f"none of {', '.join(identities)} has received everything: keep {others} in the order")
    raise OrderRefused(
        f"{', '.join(known)} is another store than the one that received everything: bring that one back, or begin"
        " anew with a new journal"
    )
