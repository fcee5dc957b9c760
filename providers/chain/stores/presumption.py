"""Who is presumed to be in sync while the journal does not answer."""

from collections.abc import Mapping

from providers.chain.errors import OrderRefused
from providers.chain.stores.in_sync import InSyncSet
from providers.introduction import Introduction


def presumed(
    introductions: Mapping[str, Introduction | None], known: Mapping[str, str | None] | None, installation: str | None
) -> InSyncSet:
    """Return who may answer: those of the stores that the journal has named last, or the first one if it never has.

    `known` are the identities that it has named by name. A store that has not said who it is may be any other, and one
    with the mark of another installation is not ours.

    Raises:
        OrderRefused: the journal has named others.
    """
    if known is None:
        first = next(iter(introductions))
        ours = _may_be_ours(introductions[first], installation)
        return InSyncSet(frozenset({first} if ours else ()), presumed=True)
    names = frozenset(
        name
        for name, introduction in introductions.items()
        if name in known and introduction is not None and known[name] in {None, introduction.identity}
    )
    if not names and not known.keys() & introductions.keys():
        order = ", ".join(introductions)
        raise OrderRefused(f"none of {order} had received everything when the journal last answered")
    return InSyncSet(names)


def _may_be_ours(introduction: Introduction | None, installation: str | None) -> bool:
    mark = None if introduction is None else introduction.mark
    return introduction is not None and (mark is None or installation in {None, mark.installation})
