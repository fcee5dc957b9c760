"""Where a recall index learns what changed."""

from typing import Protocol

from providers.changes import ChangeCursor, Changes
from providers.owners import Owner


class ChangeSource(Protocol):
    """A store that can tell what changed; `Replica` says what it promises."""

    async def changes_since(self, owner: Owner, cursor: ChangeCursor | None) -> Changes | None:
        """Return what changed of an owner's memories since a cursor, None if that is unknown."""
