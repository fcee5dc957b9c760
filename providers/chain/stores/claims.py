"""Claims on names: all processes that see one store under a name share the claim, and others are told so."""

import time
from collections.abc import Callable

from msgspec import Struct

from providers.journal.base import Journal

# For so long after a process has last seen a store under a name, no other store takes the name. It must be longer than
# the time between two looks of a process at a store.
IDENTITY_SECONDS = 15.0
CLAIM_AGAIN_SECONDS = 5.0  # after which a process says again which store it sees: not with every look, as it is a write


class NameClaims(Struct):
    """The claims of one process; `claimed` is the identity that it last claimed under each name, and when."""

    journal: Journal
    now: Callable[[], float] = time.monotonic
    claimed: dict[str, tuple[str, float]] = {}

    async def hold(self, name: str, identity: str) -> bool:
        """Say that this process sees a store under a name; return False if another one sees another store.

        Raises:
            JournalUnavailable: the journal does not answer.
        """
        claimed = self.claimed.get(name)
        if claimed is not None and claimed[0] == identity and self.now() < claimed[1] + CLAIM_AGAIN_SECONDS:
            return True
        asked = self.now()
        if not await self.journal.claim(f"store {name}", identity, IDENTITY_SECONDS):
            self.claimed.pop(name, None)
            return False
        self.claimed[name] = identity, asked
        return True
