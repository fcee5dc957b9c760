"""The judgement on a store: whether it is as the journal knows it."""

from enum import StrEnum

from providers.introduction import Introduction
from providers.journal.operations import Member


class Judgement(StrEnum):
    """What a store's introduction says, compared with its member in the journal."""

    UNCHANGED = "unchanged"
    UNMARKED = "unmarked"  # the store of this member, in which no mark of the member's epoch has been left yet
    ANOTHER = "another"  # another store than the member of that name
    FOREIGN = "foreign"  # it belongs to another journal
    ROLLED_BACK = "rolled_back"  # it has lost what was noted
    AHEAD = "ahead"  # it has a mark that the journal never allowed: the journal was rolled back


CALM = frozenset({Judgement.UNCHANGED, Judgement.UNMARKED})  # nothing has become of the store


def judge(member: Member, introduction: Introduction, journal: str) -> Judgement:
    """Return what a store's introduction says.

    The member must have been read before the store introduced itself: then the store has at least the mark that was
    noted. Since another process may have reserved a mark in between, `AHEAD` holds only if the member was read again.
    """
    mark = introduction.mark
    if mark is not None and mark.journal != journal:
        return Judgement.FOREIGN
    if member.identity not in {None, introduction.identity}:
        return Judgement.ANOTHER
    noted = member.epoch, member.noted
    if mark is None or (mark.epoch, mark.number) < noted:
        return Judgement.ROLLED_BACK if member.noted else Judgement.UNMARKED
    if mark.epoch > member.epoch or mark.number > member.reserved:
        return Judgement.AHEAD
    return Judgement.UNCHANGED


def is_calm(member: Member, introduction: Introduction, journal: str) -> bool:
    """Return whether nothing has become of a store, and its server is in the same history; see `judge`."""
    same_history = member.lineage is None or introduction.lineage in {None, member.lineage}
    return same_history and judge(member, introduction, journal) in CALM
