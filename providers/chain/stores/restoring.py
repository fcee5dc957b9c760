"""What a journal is told that was put back from a backup, before any chain works with it."""

from providers.journal.base import Journal
from providers.journal.operations import MemberState


async def distrust_all(journal: Journal) -> list[str]:
    """Have a journal from a backup believe no store until they are merged; return the names of its members.

    It cannot know what was written after the backup, neither in the stores that were put back with it nor in those that
    were not. Each member begins a new epoch, of which it is noted to have a mark: whatever store is met under its name
    has none, and so is seen to be put back.

    Raises:
        JournalUnavailable: the journal cannot be written.
    """
    members = await journal.members()
    for member in members:
        if member.identity is None:
            continue
        restarted = await journal.restart(
            member.name,
            epoch=member.epoch,
            identity=member.identity,
            restored=member.restored or member.state is MemberState.COMPLETE,
        )
        if restarted is not None:
            await journal.note(member.name, epoch=restarted.epoch, number=1, lineage=None)
    return [member.name for member in members]
