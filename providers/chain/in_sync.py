"""The in-sync set: which providers have received everything, and orders without any of them."""

from collections.abc import Mapping, Sequence

from msgspec import Struct

from providers.chain.errors import OrderRefused
from providers.journal.operations import Member, MemberState


class InSyncSet(Struct, frozen=True):
    """The names of the providers in sync; `presumed` if they are a guess because the journal has never answered."""

    names: frozenset[str]
    presumed: bool = False


def in_sync(members: Sequence[Member]) -> frozenset[str]:
    """Return the names of the members that have received everything."""
    return frozenset(member.name for member in members if member.state is MemberState.COMPLETE)


def refuse_empty(identities: Mapping[str, str | None], members: Sequence[Member]) -> None:
    """Refuse an order without any store in sync while the journal knows a store that is.

    Raises:
        OrderRefused: no store of the order is in sync.
    """
    known = {member.name: member for member in members if member.state is MemberState.COMPLETE}
    if not known:
        return
    answers = ((known.get(name), identity) for name, identity in identities.items())
    if any(member and (identity is None or member.identity in (None, identity)) for member, identity in answers):
        return
    others = " or ".join(name for name in known if name not in identities)
    if others:
        raise OrderRefused(f"none of {', '.join(identities)} has received everything: keep {others} in the order")
    raise OrderRefused(
        f"{', '.join(known)} is another store than the one that received everything: bring that one back, or begin"
        " anew with a new journal"
    )
