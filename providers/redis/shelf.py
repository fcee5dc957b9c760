"""The states of memories in Redis: a script compares the text of each with the one that was read."""

from collections.abc import Mapping, Sequence
from uuid import uuid4

from providers.keyed.places import place_of
from providers.keyed.shelf import HeldState, Replacement, Shelf, parts_of
from providers.owners import Owner
from providers.redis.acknowledging import Acknowledging, Command
from providers.redis.keys import Keyspace
from providers.redis.places import end_of, version_at, versions_of
from providers.redis.scripts import PUT
from providers.redis.servers import Servers
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
    ) -> None:
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

    async def write(
        self,
        owner: Owner,
        changes: Sequence[Replacement[str]],
        found: Mapping[str, HeldState[str]],  # noqa: ARG002 - a write waits for all that is there
    ) -> set[str]:
        """See `Shelf`."""
        refused = await self._put(owner, changes, name="")
        if refused is None:
            directory = self._keyspace.directory_of(owner)
            # Before the owner's own keys: an owner of nothing does no harm there, and one who is missing does.
            await self.replace(directory, ("ZADD", directory, 0, owner.key))
            refused = await self._put(owner, changes, name=uuid4().hex)
        return refused or set()

    async def replace(self, key: str, command: Command) -> int:
        """Run a script on what is no memory, and return its answer once it will last."""
        answer, *confirmed = await self._servers.run(key, [command, *self._acknowledging.commands], writes=True)
        self._check(confirmed)
        return int(answer or 0)

    async def _put(self, owner: Owner, changes: Sequence[Replacement[str]], *, name: str) -> set[str] | None:
        keys = self._keyspace.of(owner)
        parts = [*parts_of(changes)] or [[]]
        commands = [
            PUT.command(
                keys.all,
                name,
                self._retention.keep,
                *(argument for change in part for argument in _arguments(change)),
            )
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


def _held(text: bytes | None) -> HeldState[str]:
    return HeldState(None, _ABSENT) if text is None else HeldState(decode(read := text.decode()), read)


def _arguments(change: Replacement[str]) -> tuple[str | int, ...]:
    before, after = change.held.state, change.after
    places = place_of(before), place_of(after), end_of(before), end_of(after)
    text = change.held.token if after is None or after == before else encode(after)
    return change.memory_id, change.held.token, text, *places, *_of_history(change)


def _of_history(change: Replacement[str]) -> tuple[str | int, ...]:
    """Return the bound below which the history is, how many versions go into it, and these."""
    after = change.after
    _, end = versions_of(change.memory_id)
    if after is not None and after.deleted:
        return end, -1
    below = end if after is None else f"({version_at(after.id, after.version)}"
    texts = [text for one in change.superseded for text in (version_at(one.id, one.version), encode(one))]
    return below, len(change.superseded), *texts
