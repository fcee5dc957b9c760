"""What changed of one owner's memories since a store was last looked at."""

from collections.abc import AsyncGenerator, Sequence

from msgspec import Struct

from providers.search.entries import Entry
from providers.search.packed_memories import PackedMemories

# Of an index of an owner's memories, beyond which a store gives no changes unless it is told otherwise.
MOST_BYTES = 256 * 1024 * 1024


class ChangeCursor(Struct, frozen=True):
    """How far a look at a store has come.

    `epoch` names one history of the store: it is another one when the store was put back, restored, replaced or
    restarted, and then what was seen before counts no more. `position` only grows within an epoch.
    """

    epoch: str
    position: int


class Changes(Struct, frozen=True, kw_only=True):
    """The memories that changed since a cursor, and those that are gone; some may have been told before.

    `whole` means that `memories` are all there are, whatever was known before; a store may give all there are as
    `packed` instead. Further `pages` of these are read while the index is made, each as of its own moment: then only
    the next look makes one whole of them. `order` tells two looks of one epoch
    apart: the later one, which has seen all that the other has, has the greater; equal ones have seen the same.
    """

    cursor: ChangeCursor
    order: tuple[int, ...] = ()
    memories: Sequence[Entry] = ()
    gone: Sequence[str] = ()
    whole: bool = False
    packed: PackedMemories | None = None
    pages: AsyncGenerator[PackedMemories, None] | None = None
    expected: int = 0  # memories in all pages
