"""The parts of a provider over a store of states, made once when it is opened."""

from typing import Any, Protocol

from msgspec import Struct

from providers.introduction import Introduction, StoreMark
from providers.keyed.erasing import Erasing
from providers.keyed.histories import StoredHistories
from providers.keyed.reader import Reader
from providers.keyed.recall import Recall
from providers.keyed.shelf import Shelf
from providers.search.recall_index.source import ChangeSource
from providers.states.clock import HybridClock


class StoreName(Protocol):
    """What says which store this is, and whose."""

    async def introduction(self) -> Introduction:
        """Return what the store tells about itself, asked anew; a store without a name gets one."""

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Put a mark in the place of the former one; return whether it was there."""


class KeyedParts(Struct, frozen=True, kw_only=True):
    """What reads and writes, each for its purpose; the token of the shelf is of the store's own kind."""

    shelf: Shelf[Any]
    reader: Reader
    changes: ChangeSource
    recall: Recall
    store_name: StoreName
    erasing: Erasing
    histories: StoredHistories | None = None  # of a store that keeps history
    clock: HybridClock
