"""What heads an owner's documents: how many changes there were, and which memories the last ones were of.

It is written after the states in the same request, which their shard executes in order, and only in the place of what
was read. Whoever reads it, and what it names, by their ids sees all that was acknowledged, without any search.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from secrets import randbits
from typing import Self
from uuid import uuid4

import msgspec
from msgspec import Struct
from msgspec.structs import replace

MOST_LOGGED = 100  # changes; whoever has seen fewer of them reads everything anew
_RANDOM_BITS = 24

Chance = Callable[[int], int]


class Logged(Struct, frozen=True, array_like=True):
    """A change of a memory, which is there as soon as its document has a greater number than `before`."""

    position: int
    memory_id: str
    before: int


class OwnerHead(Struct, frozen=True, kw_only=True):
    """What stands in the document.

    `position` grows with each write, and ends in random bits, so that after the index was put back to an earlier state
    another one follows than before. `begins` is the position that `log` goes on from. `purging` are the ids of memories
    that are being removed, or were by somebody who did not end it.
    """

    name: str
    position: int = 0
    begins: int = 0
    log: tuple[Logged, ...] = ()
    purging: tuple[str, ...] = ()

    @classmethod
    def first(cls) -> Self:
        """Return that of an owner of nothing."""
        return cls(name=uuid4().hex)

    def after(self, changed: Iterable[tuple[str, int]], chance: Chance = randbits) -> Self:
        """Return the one behind a write to up to `MOST_LOGGED` memories, each with its document's number before."""
        position = (((self.position >> _RANDOM_BITS) + 1) << _RANDOM_BITS) | chance(_RANDOM_BITS)
        log = (*self.log, *(Logged(position, memory_id, before) for memory_id, before in changed))
        begins, kept = self.begins, log
        if len(log) > MOST_LOGGED:
            # The changes of one write stay together, or whoever has seen some of them would miss the others.
            begins = max(entry.position for entry in log[: len(log) - MOST_LOGGED])
            kept = tuple(entry for entry in log if entry.position > begins)
        return replace(self, position=position, begins=begins, log=kept)

    def without(self, gone: Collection[str]) -> Self:
        """Return one that waits for no change of memories that are gone; by its other name indexes are read anew."""
        return replace(self, name=uuid4().hex, log=tuple(one for one in self.log if one.memory_id not in gone))

    def purged(self, going: Collection[str]) -> Self:
        """Return the one before memories are removed."""
        return replace(self.without(going), purging=tuple(dict.fromkeys((*self.purging, *going))))

    def ended(self, gone: Collection[str]) -> Self:
        """Return the one after memories were removed."""
        return replace(self.without(gone), purging=())

    def late(self, numbers: Mapping[str, int]) -> set[str]:
        """Return the ids of memories that a copy does not have yet in the state of their last change.

        Their documents, of which it has these numbers, are older; an absent one has a negative number.
        """
        return {one.memory_id for one in self.log if one.memory_id in numbers and numbers[one.memory_id] <= one.before}

    def since(self, position: int) -> Sequence[Logged] | None:
        """Return the changes behind a position, None if they are not known any more, or it is of another history."""
        if position == self.position:
            return ()
        if position != self.begins and all(entry.position != position for entry in self.log):
            return None
        return [entry for entry in self.log if entry.position > position]

    def last_before(self, position: int) -> int:
        """Return the last position before one of the log."""
        return max((entry.position for entry in self.log if entry.position < position), default=self.begins)


encode_head = msgspec.json.Encoder().encode
decode_head = msgspec.json.Decoder(OwnerHead).decode
