"""Vector sets of those who have too many memories to be ranked here: what is nearest to a question, in truth.

A set is made of an owner's vectors once somebody asks, and follows them whenever somebody does. It says which memories
may answer, never what they say: whatever it names is read, and ranked by the vector beside its state.
"""

import asyncio

import structlog
from msgspec import Struct

from providers.errors import Misconfigured, ProviderError
from providers.keyed.reader import LISTED_AT_ONCE
from providers.keyed.recall import MOST_RANKED
from providers.owners import Owner
from providers.redis.acknowledging import Command
from providers.redis.keys import Keyspace
from providers.redis.places import id_at
from providers.redis.reader import RedisReader
from providers.redis.servers import Servers
from providers.redis.vector_scripts import BEHIND, GATHER, SCATTER
from providers.redis.vectors import OwnerVectors, exact, single
from providers.search.entries import Vector
from providers.types import PageQuery

MOST_NEAREST = 1_000
REST = 5.0  # seconds, between one look at those who asked and the next
_AT_ONCE = 50  # vectors of one script, which take a server some 10 ms

_log = structlog.get_logger(__name__)


class SetState(Struct, frozen=True):
    """How many memories live, the number of the last change, that up to which a set goes, and some behind that."""

    living: int
    position: int
    gathered: int | None
    behind: list[str]


class Nearest(Struct, frozen=True):
    """Ids of memories that may be nearest to a vector; the set is `whole` that names them, or is being made."""

    ids: list[str] = []
    whole: bool = False


class VectorSets:
    """Ask vector sets, and keep those up that are asked for; `most` is how many memories are ranked without one.

    A question is told of `wanted` memories, and of as many that the set does not have yet.
    """

    def __init__(
        self,
        servers: Servers,
        keyspace: Keyspace,
        reader: RedisReader,
        vectors: OwnerVectors,
        most: int = MOST_RANKED,
        wanted: int = MOST_NEAREST,
    ) -> None:
        self._servers, self._keyspace = servers, keyspace
        self._reader, self._vectors = reader, vectors
        self.most, self.wanted = most, wanted
        self._supported: bool | None = None
        self._asked: set[Owner] = set()
        self._wake = asyncio.Event()

    async def around(self, owner: Owner, vector: Vector) -> Nearest:
        """Return which memories may be nearest to a vector, and have the set follow.

        Those come first that it does not have yet, then those that it has, the nearest first.
        """
        if self._supported is None:
            await self.look()
        self._asked.add(owner)
        self._wake.set()
        if not self._supported:
            return Nearest()
        key = self._keyspace.of(owner).nearest
        command: Command = ("VSIM", key, "FP32", single(vector), "COUNT", self.wanted, "TRUTH")
        try:
            [found] = await self._servers.run(key, [command])
        except Misconfigured as error:  # of other dimensions, for the moment in which the model is exchanged
            _log.debug("vector_set_refused", reason=str(error))
            return Nearest()
        state = await self._state(owner)
        ids = [*dict.fromkeys([*state.behind, *(memory_id.decode() for memory_id in found)])]
        return Nearest(ids, whole=state.gathered is not None)

    async def look(self) -> bool:
        """Return whether the server has vector sets, and lets us use them."""
        key = self._keyspace.nothing
        probes: list[Command] = [("VSIM", key, "VALUES", 1, 1), ("VREM", key, "")]
        try:
            await self._servers.run(key, probes)
        except Misconfigured:
            self._supported = False
        else:
            self._supported = True
        return self._supported

    async def run(self) -> None:
        """Have the sets of those who asked follow, for ever."""
        while self._vectors.model is not None:
            await self._wake.wait()
            self._wake.clear()
            asked, self._asked = self._asked, set()
            try:
                if self._supported or await self.look():
                    for owner in asked:
                        await self.follow(owner)
            except ProviderError as error:
                _log.debug("vectors_not_gathered", reason=str(error))
            await asyncio.sleep(REST)

    async def follow(self, owner: Owner) -> None:
        """Put into the set of an owner what is not there yet; one of few memories is removed."""
        state = await self._state(owner)
        if state.living <= self.most:
            await self.scatter(owner)
            return
        if state.gathered is None:
            await self._gather_all(owner, state.position)
            state = await self._state(owner)
        while state.gathered is not None and state.gathered < state.position:
            if not await self._gather(owner, state.behind, state.position):
                return
            state = await self._state(owner)

    async def scatter(self, owner: Owner) -> None:
        """Remove the set of an owner."""
        keys = self._keyspace.of(owner)
        await self._servers.run(keys.states, [SCATTER.command(keys.all)], writes=True)

    async def _state(self, owner: Owner) -> SetState:
        keys = self._keyspace.of(owner)
        [told] = await self._servers.run(
            keys.states, [BEHIND.command(keys.all, self._vectors.model or "", self.wanted)]
        )
        living, position, *gathered = told
        if not gathered:
            return SetState(int(living), int(position), None, [])
        return SetState(int(living), int(position), int(gathered[0]), [one.decode() for one in gathered[1]])

    async def _gather_all(self, owner: Owner, position: int) -> None:
        """Make a set of all vectors there are; what changes meanwhile is behind the position that it began at."""
        async for places in self._reader.places(PageQuery(owner=owner, order="oldest", limit=LISTED_AT_ONCE)):
            if not await self._gather(owner, [id_at(place) for place in places], None):
                return
        await self._gather(owner, [], position)

    async def _gather(self, owner: Owner, ids: list[str], position: int | None) -> bool:
        """Put vectors into the set, and then note how far it goes; return whether they are of our model."""
        keys, model = self._keyspace.of(owner), self._vectors.model or ""
        parts = [ids[begin : begin + _AT_ONCE] for begin in range(0, len(ids), _AT_ONCE)]
        for part in parts:
            [stored] = await self._servers.run(keys.vectors, [("HMGET", keys.vectors, *part)])
            there = [(one, text) for one, text in zip(part, stored, strict=True) if text and exact(text)]
            arguments = [argument for one, text in there for argument in (one, text, exact(text))]
            [ours] = await self._servers.run(
                keys.states, [GATHER.command(keys.all, model, "", *arguments)], writes=True
            )
            if not ours:
                return False
        if position is None:
            return True
        [ours] = await self._servers.run(keys.states, [GATHER.command(keys.all, model, position)], writes=True)
        return bool(ours)
