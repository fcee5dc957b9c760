"""The in-sync set: which providers may answer, and orders without any of them."""

from collections.abc import Callable, Iterable, Mapping, Sequence

from msgspec import Struct

from providers.chain.errors import OrderRefused
from providers.introduction import Introduction
from providers.journal.operations import Member, MemberState


class InSyncSet(Struct, frozen=True):
    """The names of the providers in sync; `presumed` if they are a guess because the journal has never answered.

    `restored` are those that were in sync before their stores were rolled back, the one that lost least first. While
    nobody is in sync, `holders` may have what they lost, and so may the `silent`, which have not said who they are.
    """

    names: frozenset[str]
    presumed: bool = False
    restored: tuple[str, ...] = ()
    holders: frozenset[str] = frozenset()
    silent: frozenset[str] = frozenset()


def in_sync(members: Sequence[Member], accepts: Callable[[Member], bool]) -> InSyncSet:
    """Return who of the members of an order may answer; `accepts` tells whose stores are accepted."""
    accepted = [member for member in members if accepts(member)]
    restored = [member for member in accepted if member.restored and member.state is not MemberState.COMPLETE]
    restored.sort(key=lambda member: float("inf") if member.behind is None else member.behind)
    names = _names(member for member in accepted if member.state is MemberState.COMPLETE)
    if names:
        return InSyncSet(names, restored=tuple(member.name for member in restored))
    holders = _names(member for member in members if member.restored or is_source(member))
    return InSyncSet(
        names,
        restored=tuple(member.name for member in restored),
        holders=holders & _names(accepted),
        silent=holders - _names(accepted),
    )


def is_source(member: Member) -> bool:
    """Return whether a member may hold what others have lost, and nothing of strangers; one never met holds nothing."""
    return member.ours and not member.restored and member.identity is not None


def _names(members: Iterable[Member]) -> frozenset[str]:
    return frozenset(member.name for member in members)


def refuse_empty(introductions: Mapping[str, Introduction | None], members: Sequence[Member]) -> None:
    """Refuse an order without any store in sync while the journal knows a store that is.

    Raises:
        OrderRefused: no store of the order is in sync.
    """
    known = {member.name: member for member in members if member.state is MemberState.COMPLETE or member.restored}
    if not known:
        return
    for name, introduction in introductions.items():
        member = known.get(name)
        if member is not None and (introduction is None or member.identity in {None, introduction.identity}):
            return
    others = " or ".join(name for name in known if name not in introductions)
    if others:
        raise OrderRefused(
            f"none of {', '.join(introductions)} has received everything: keep {others} in the order; if that is"
            " gone for good, have this journal take over what there is: `ninai journal adopt`"
        )
    raise OrderRefused(
        f"{', '.join(known)} is another store than the one that received everything: bring that one back, or have this"
        " journal take over what there is: `ninai journal adopt`"
    )
