"""The states of memories in Redis: a script compares the text of each with the one that was read."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from providers.keyed.places import place_of
from providers.keyed.shelf import HeldState, Replacement, Shelf, parts_of
from providers.keyed.vectors import EmbeddedState
from providers.owners import Owner
from providers.redis.acknowledging import Acknowledging, Command
from providers.redis.keys import Keyspace
from providers.redis.places import end_of, version_at, versions_of
from providers.redis.scripts import PUT
from providers.redis.servers import Servers
from providers.redis.vector_scripts import EMBED
from providers.redis.vectors import NONE, SAME, OwnerVectors
from providers.retention import NO_HISTORY, Retention
from providers.states.clock import HybridClock
from providers.states.codec import decode, encode
from providers.timing.turns import in_turns
from providers.types import Snapshot

_ABSENT = ""


class RedisShelf(Shelf[str]):
    """Read and change states; what is compared is their texts."""

    def __init__(
        self,
        servers: Servers,
        keyspace: Keyspace,
        acknowledging: Acknowledging,
        retention: Retention = NO_HISTORY,
        clock: HybridClock | None = None,
        vectors: OwnerVectors | None = None,
    ) -> None:
        self.vectors = vectors or OwnerVectors(None)
        self._servers, self._keyspace, self._acknowledging = servers, keyspace, acknowledging
        self._retention, self._clock = retention, clock or HybridClock()

    def keeps(self, version: Snapshot) -> bool:
        """See `Shelf`."""
        return self._retention.keep > 0 and self._retention.keeps(version.version, self._clock.milliseconds())

    async def read(self, owner: Owner, ids: Sequence[str]) -> dict[str, HeldState[str]]:
        """See `Shelf`."""
        if not ids:
            return {}
        key = self._keyspace.of(owner).states
        commands: list[Command] = [("HMGET", key, *part) for part in parts_of(ids)]
        found = [text for part in await self._servers.run(key, commands) for text in part]
        return dict(zip(ids, await in_turns(_held, found), strict=True))

    async def embedded(self, owner: Owner, ids: Sequence[str]) -> dict[str, EmbeddedState]:
        """Return what `states` does, with the vectors that count; a state may have become newer before its vector."""
        if self.vectors.model is None:
            return {one: EmbeddedState(state, {}) for one, state in (await self.states(owner, ids)).items()}
        found = await self._with_vectors(owner, [*dict.fromkeys(ids)])
        stale = [one for one, (held, stored) in found.items() if stored is not None and not self._counts(held, stored)]
        if stale:
            self.vectors.note(owner, stale)
        read = self.vectors.read
        there = [(held.state, stored) for held, stored in found.values() if held.state is not None]
        return {one.state.id: one for one in await in_turns(lambda pair: read(*pair), there)}

    async def embed(self, owner: Owner, ids: Sequence[str]) -> tuple[int, int]:
        """Give vectors to living memories that have none, as far as they can be made now.

        Returns how many have got one, and how many are still without one.
        """
        found = await self._with_vectors(owner, ids)
        states = [
            (held.state, held.token)
            for held, stored in found.values()
            if held.state is not None and not held.state.deleted and not self._counts(held, stored)
        ]
        texts = [state.content or "" for state, _ in states]
        arguments: list[str | bytes] = []
        for (state, token), text, vector in zip(states, texts, await self.vectors.of_texts(texts), strict=True):
            if vector is not None:
                arguments += (state.id, token, self.vectors.stored(text, vector))
        put = 0
        if arguments:
            keys = self._keyspace.of(owner)
            command = EMBED.command(keys.all, self.vectors.model or "", *arguments)
            [put] = await self._servers.run(keys.states, [command], writes=True)
        return int(put), len(states) - len(arguments) // 3

    async def write(
        self,
        owner: Owner,
        changes: Sequence[Replacement[str]],
        found: Mapping[str, HeldState[str]],  # noqa: ARG002 - a write waits for all that is there
    ) -> set[str]:
        """See `Shelf`."""
        vectors = await self._vectors_of(changes)
        refused = await self._put(owner, changes, vectors, name="")
        if refused is None:
            directory = self._keyspace.directory_of(owner)
            # Before the owner's own keys: an owner of nothing does no harm there, and one who is missing does.
            await self.replace(directory, ("ZADD", directory, 0, owner.key))
            refused = await self._put(owner, changes, vectors, name=uuid4().hex)
        written = [one for one, vector in vectors.items() if vector == NONE and one not in (refused or ())]
        if written:
            self.vectors.note(owner, written)
        return refused or set()

    async def replace(self, key: str, command: Command) -> int:
        """Run a script on what is no memory, and return its answer once it will last."""
        answer, *confirmed = await self._servers.run(key, [command, *self._acknowledging.commands], writes=True)
        self._check(confirmed)
        return int(answer or 0)

    async def _put(
        self, owner: Owner, changes: Sequence[Replacement[str]], vectors: Mapping[str, bytes], *, name: str
    ) -> set[str] | None:
        keys = self._keyspace.of(owner)
        parts = [*parts_of(changes)] or [[]]
        commands = [
            PUT.command(
                keys.all,
                name,
                self._retention.keep,
                self.vectors.model or "",
                *(argument for change in part for argument in _arguments(change, vectors)),
            )
            for part in parts
        ]
        answers = await self._servers.run(keys.states, [*commands, *self._acknowledging.commands], writes=True)
        self._check(answers[len(commands) :])
        if answers[0] is None:
            return None
        return {memory_id.decode() for refused in answers[: len(commands)] for memory_id in refused}

    async def _vectors_of(self, changes: Sequence[Replacement[str]]) -> dict[str, bytes]:
        """Return the vectors of texts that are new, as they are stored, by the ids of their memories."""
        texts = {change.memory_id: text for change in changes if (text := _new_text(change)) is not None}
        made = await self.vectors.of_texts([*texts.values()])
        return {one: self.vectors.stored(texts[one], vector) for one, vector in zip(texts, made, strict=True)}

    async def _with_vectors(self, owner: Owner, ids: Sequence[str]) -> dict[str, tuple[HeldState[str], bytes | None]]:
        if not ids:
            return {}
        keys = self._keyspace.of(owner)
        parts = [*parts_of(ids)]
        commands: list[Command] = [("HMGET", key, *part) for key in (keys.states, keys.vectors) for part in parts]
        answers = await self._servers.run(keys.states, commands)
        texts, stored = (
            [one for part in half for one in part] for half in (answers[: len(parts)], answers[len(parts) :])
        )
        held = await in_turns(_held, texts)
        return dict(zip(ids, zip(held, stored, strict=True), strict=True))

    def _counts(self, held: HeldState[str], stored: bytes | None) -> bool:
        return held.state is not None and self.vectors.counts(held.state, stored)

    def _check(self, confirmed: Sequence[list[int] | int]) -> None:
        for one in confirmed:
            self._acknowledging.check(one)


def _held(text: bytes | None) -> HeldState[str]:
    return HeldState(None, _ABSENT) if text is None else HeldState(decode(read := text.decode()), read)


def _new_text(change: Replacement[str]) -> str | None:
    """Return what a memory says after a change, None where it said so before, or says nothing any more."""
    before, after = change.held.state, change.after
    text = None if after is None else after.content
    return None if before is not None and before.content == text else text


def _arguments(change: Replacement[str], vectors: Mapping[str, bytes]) -> tuple[str | int | bytes, ...]:
    before, after = change.held.state, change.after
    places = place_of(before), place_of(after), end_of(before), end_of(after)
    text = change.held.token if after is None or after == before else encode(after)
    gone = after is None or after.content is None
    vector = vectors.get(change.memory_id, NONE if gone else SAME)
    return change.memory_id, change.held.token, text, *places, vector, *_of_history(change)


def _of_history(change: Replacement[str]) -> tuple[str | int, ...]:
    """Return the bound below which the history is, how many versions go into it, and these."""
    after = change.after
    _, end = versions_of(change.memory_id)
    if after is not None and after.deleted:
        return end, -1
    below = end if after is None else f"({version_at(after.id, after.version)}"
    texts = [text for one in change.superseded for text in (version_at(one.id, one.version), encode(one))]
    return below, len(change.superseded), *texts
