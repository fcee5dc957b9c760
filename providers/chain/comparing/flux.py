"""Memories in flux: those that deliveries of the journal are about to bring to one state."""

from providers.journal.operations import JournalEntry
from providers.states.merging import rank
from providers.types import Snapshot


def brings_in_line(entry: JournalEntry | None, wanted: Snapshot) -> bool:
    """Return whether deliveries of what the journal knows bring stores to the state that all should hold.

    A journal that was put back may know only an older state, and a deletion that a store alone remembers is delivered
    by nobody.
    """
    if entry is None or entry.state.deleted:
        return entry is not None
    return not wanted.deleted and rank(entry.state) >= rank(wanted)
