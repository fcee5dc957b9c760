"""The states of memories in a store: read, and brought to the next one as long as nobody else was quicker."""

from abc import ABC, abstractmethod
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Generic, TypeVar

from msgspec import Struct

from providers.batches import answer_all
from providers.errors import ProviderError, Rejected, Unavailable
from providers.keyed.steps import StateStep
from providers.owners import Owner
from providers.timing.turns import Turns
from providers.types import Snapshot

Answer = TypeVar("Answer")
Item = TypeVar("Item")
Token = TypeVar("Token")

AT_ONCE = 100  # states of one write, and of one read: others are served in between
_OWNERS_AT_ONCE = 8  # of one batch

_Placed = Sequence[tuple[int, StateStep[Answer]]]


class HeldState(Struct, Generic[Token], frozen=True):
    """A state as it was read, None if there is none; `token` is what the store compares with what it has by then."""

    state: Snapshot | None
    token: Token


class Replacement(Struct, Generic[Token], frozen=True):
    """What is to be written in the place of what was read, None if nothing is; `superseded` goes into the history."""

    memory_id: str
    held: HeldState[Token]
    after: Snapshot | None
    superseded: tuple[Snapshot, ...] = ()


class Shelf(ABC, Generic[Token]):
    """Read and change the states of memories; each change of a memory is made whole or not at all."""

    def keeps(self, version: Snapshot) -> bool:  # noqa: ARG002 - for those that keep history
        """Return whether a superseded version is to be kept."""
        return False

    @abstractmethod
    async def read(self, owner: Owner, ids: Sequence[str]) -> dict[str, HeldState[Token]]:
        """Return what there is of distinct memories of an owner, by each of their ids.

        Raises:
            Unavailable: the store does not answer.
        """

    @abstractmethod
    async def write(
        self, owner: Owner, changes: Sequence[Replacement[Token]], found: Mapping[str, HeldState[Token]]
    ) -> set[str]:
        """Write what nobody else has changed since it was read, and return the ids of the rest.

        What was `found` and stays lasts as well by then: whoever finds a memory as it should be must not say so before.

        Raises:
            Unavailable: it is unknown whether anything was written, unless the error says that nothing was.
        """

    async def states(self, owner: Owner, ids: Sequence[str]) -> dict[str, Snapshot]:
        """Return the states of memories by their ids, tombstones included, as many as there are."""
        found = await self.read(owner, [*dict.fromkeys(ids)])
        return {memory_id: held.state for memory_id, held in found.items() if held.state is not None}

    async def settle(self, steps: Sequence[StateStep[Answer] | ProviderError]) -> list[Answer | ProviderError]:
        """Take every step, and return its answer or why it was refused; steps of one memory build up.

        What is an error already is its own answer.

        Raises:
            Unavailable: it is unknown for all of them whether they were taken.
        """
        answers: dict[int, Answer | ProviderError] = {}
        of_owners: defaultdict[Owner, list[tuple[int, StateStep[Answer]]]] = defaultdict(list)
        for place, step in enumerate(steps):
            if isinstance(step, ProviderError):
                answers[place] = step
            else:
                of_owners[step.owner].append((place, step))
        try:
            settled = await answer_all([*of_owners.items()], self._settled, _OWNERS_AT_ONCE, values=Rejected)
        except Unavailable as failure:
            failure.ambiguous = failure.ambiguous or len(of_owners) > 1  # its neighbours may have been written
            raise
        for found in settled:
            answers |= found if isinstance(found, dict) else {}
        return [answers[place] for place in range(len(steps))]

    async def settle_owner(self, owner: Owner, steps: "_Placed[Answer]") -> dict[int, Answer | ProviderError]:
        """Take the steps of one owner in their order, those that somebody else was quicker than once more.

        Steps and answers are those at the places of a batch.
        """
        left = steps
        answers: dict[int, Answer | ProviderError] = {}
        while left:
            found = await self.read(owner, [*dict.fromkeys(step.memory_id for _, step in left)])
            superseded: defaultdict[str, list[Snapshot]] = defaultdict(list)
            after = await _taken(left, found, answers, superseded)
            kept = {memory_id: tuple(filter(self.keeps, versions)) for memory_id, versions in superseded.items()}
            changes = [
                Replacement(memory_id, held, after[memory_id], kept.get(memory_id, ()))
                for memory_id, held in found.items()
                if after[memory_id] != held.state or kept.get(memory_id)
            ]
            there = any(held.state is not None for held in found.values())
            refused = await self.write(owner, changes, found) if there or changes else set()
            left = [(place, step) for place, step in left if step.memory_id in refused]
        return answers

    async def _settled(self, of_owner: "tuple[Owner, _Placed[Answer]]") -> dict[int, Answer | ProviderError]:
        return await self.settle_owner(*of_owner)


def parts_of(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    """Yield items in parts that are read or written at once."""
    return (items[begin : begin + AT_ONCE] for begin in range(0, len(items), AT_ONCE))


async def _taken(
    steps: "_Placed[Answer]",
    found: Mapping[str, HeldState[Token]],
    answers: dict[int, Answer | ProviderError],
    superseded: dict[str, list[Snapshot]],
) -> dict[str, Snapshot | None]:
    """Take steps, note answers by their places and superseded versions by their ids; return the states after them."""
    after, turns = {memory_id: held.state for memory_id, held in found.items()}, Turns()
    for place, step in steps:
        try:
            before = after[step.memory_id]
            after[step.memory_id], answers[place] = step.work(before)
            superseded[step.memory_id] += step.superseded(before, after[step.memory_id])
        except Rejected as error:
            answers[place] = error.with_traceback(None)  # a value now
        await turns.take()
    return after
