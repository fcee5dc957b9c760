"""The states of memories in Redis: read, and brought to the next one as long as nobody else was quicker."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Generic, TypeVar
from uuid import uuid4

from msgspec import Struct

from providers.batches import answer_all
from providers.errors import ProviderError, Rejected, Unavailable
from providers.owners import Owner
from providers.redis.acknowledging import Acknowledging, Command
from providers.redis.keys import Keyspace
from providers.redis.places import end_of, place_of
from providers.redis.scripts import PUT
from providers.redis.servers import Servers
from providers.states.codec import decode, encode
from providers.timing.turns import Turns, in_turns
from providers.types import Snapshot

Answer = TypeVar("Answer")
Item = TypeVar("Item")

_AT_ONCE = 100  # states that one script writes, and one command reads: others are served in between
_OWNERS_AT_ONCE = 8  # of one batch
_ABSENT = ""


class StateStep(Struct, Generic[Answer], frozen=True):
    """What is to become of one memory.

    `work` makes of its state, None if there is none, the next one and an answer; of a state that stays it returns the
    same. It may be called again, and raises `Rejected` to change nothing.
    """

    owner: Owner
    memory_id: str
    work: Callable[[Snapshot | None], tuple[Snapshot | None, Answer]]


_Placed = list[tuple[int, StateStep[Answer]]]


class _Change(Struct, frozen=True):
    memory_id: str
    read: str
    before: Snapshot | None
    after: Snapshot


class Shelf:
    """Read and change the states of memories; each change of a memory is made whole or not at all."""

    def __init__(self, servers: Servers, keyspace: Keyspace, acknowledging: Acknowledging) -> None:
        self._servers, self._keyspace, self._acknowledging = servers, keyspace, acknowledging

    async def states(self, owner: Owner, ids: Sequence[str]) -> dict[str, Snapshot]:
        """Return the states of memories by their ids, tombstones included, as many as there are."""
        texts = {memory_id: text for memory_id, text in (await self._texts(owner, ids)).items() if text}
        return dict(zip(texts, await in_turns(decode, texts.values()), strict=True))

    async def settle(self, steps: Sequence[StateStep[Answer] | ProviderError]) -> list[Answer | ProviderError]:
        """Take every step, and return its answer or why it was refused; steps of one memory build up.

        What is an error already is its own answer.

        Raises:
            Unavailable: it is unknown for all of them whether they were taken.
        """
        answers: dict[int, Answer | ProviderError] = {}
        of_owners: defaultdict[Owner, _Placed[Answer]] = defaultdict(list)
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

    async def replace(self, key: str, command: Command) -> int:
        """Run a script on what is no memory, and return its answer once it will last."""
        answer, *confirmed = await self._servers.run(key, [command, *self._acknowledging.commands], writes=True)
        self._check(confirmed)
        return int(answer or 0)

    async def _settled(self, of_owner: "tuple[Owner, _Placed[Answer]]") -> dict[int, Answer | ProviderError]:
        """Take the steps of one owner in their order, those that somebody else was quicker than once more."""
        owner, left = of_owner
        answers: dict[int, Answer | ProviderError] = {}
        while left:
            texts = await self._texts(owner, [step.memory_id for _, step in left])
            before = dict(zip(texts, await in_turns(_decoded, texts.values()), strict=True))
            after = await _taken(left, before, answers)
            changes = [
                _Change(memory_id, text, before[memory_id], state)
                for memory_id, text in texts.items()
                if (state := after[memory_id]) is not None and state != before[memory_id]
            ]
            refused = await self._write(owner, changes) if any(texts.values()) or changes else set()
            left = [(place, step) for place, step in left if step.memory_id in refused]
        return answers

    async def _texts(self, owner: Owner, ids: Iterable[str]) -> dict[str, str]:
        """Return the text of each state by its id, empty where there is none."""
        key = self._keyspace.of(owner).states
        wanted = [*dict.fromkeys(ids)]
        if not wanted:
            return {}
        commands: list[Command] = [("HMGET", key, *part) for part in _parts(wanted)]
        found = [text for part in await self._servers.run(key, commands) for text in part]
        return {
            memory_id: _ABSENT if text is None else text.decode() for memory_id, text in zip(wanted, found, strict=True)
        }

    async def _write(self, owner: Owner, changes: Sequence[_Change]) -> set[str]:
        """Write what nobody else has changed, and return the ids of the rest; without changes wait for what is there.

        Whoever finds a memory as it should be must not say so before it will last.
        """
        refused = await self._put(owner, changes, name="")
        if refused is None:
            directory = self._keyspace.directory_of(owner)
            # Before the owner's own keys: an owner of nothing does no harm there, and one who is missing does.
            await self.replace(directory, ("ZADD", directory, 0, owner.key))
            refused = await self._put(owner, changes, name=uuid4().hex)
        return refused or set()

    async def _put(self, owner: Owner, changes: Sequence[_Change], *, name: str) -> set[str] | None:
        keys = self._keyspace.of(owner)
        parts = [*_parts(changes)] or [[]]
        commands = [
            PUT.command(keys.all, name, *(argument for change in part for argument in _arguments(change)))
            for part in parts
        ]
        answers = await self._servers.run(keys.states, [*commands, *self._acknowledging.commands], writes=True)
        self._check(answers[len(commands) :])
        if answers[0] is None:
            return None
        return {memory_id.decode() for refused in answers[: len(commands)] for memory_id in refused}

    def _check(self, confirmed: Sequence[list[int] | int]) -> None:
        for one in confirmed:
            self._acknowledging.check(one)


async def _taken(
    steps: "_Placed[Answer]", before: Mapping[str, Snapshot | None], answers: dict[int, Answer | ProviderError]
) -> dict[str, Snapshot | None]:
    """Take steps, note their answers by their places, and return the states after them."""
    after, turns = dict(before), Turns()
    for place, step in steps:
        try:
            after[step.memory_id], answers[place] = step.work(after[step.memory_id])
        except Rejected as error:
            answers[place] = error.with_traceback(None)  # a value now
        await turns.take()
    return after


def _parts(items: Sequence[Item]) -> Iterable[Sequence[Item]]:
    return (items[begin : begin + _AT_ONCE] for begin in range(0, len(items), _AT_ONCE))


def _decoded(text: str) -> Snapshot | None:
    return decode(text) if text else None


def _arguments(change: _Change) -> tuple[str, ...]:
    before, after = change.before, change.after
    places = place_of(before), place_of(after), end_of(before), end_of(after)
    return change.memory_id, change.read, encode(after), *places
