"""Token buckets that several hosts share in a Redis: what each of them took is taken there, in one trip for many."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from hashlib import blake2b

from msgspec import Struct

from observability.secret import Secret
from providers.redis.acknowledging import Command
from providers.redis.runner import CommandRunner
from providers.redis.server_check import Demands

_AT_ONCE = 500  # buckets in one trip, which take the server well below a millisecond
_PREFIX = "ninai:rates"
_SECONDS = 2.0  # for one trip; nobody waits for it
_NAME_BYTES = 16

# Each bucket is a hash of its level and of when it had that, by the server's own clock. It is gone once it is full.
_TAKE = """
local told = redis.call('TIME')
local now = tonumber(told[1]) + tonumber(told[2]) / 1000000
local window = tonumber(ARGV[1])
local levels = {}
for place, key in ipairs(KEYS) do
    local capacity, taken = tonumber(ARGV[2 * place]), tonumber(ARGV[2 * place + 1])
    local rate = capacity / window
    local level = capacity
    local kept = redis.call('HMGET', key, 'level', 'at')
    if kept[1] and kept[2] then
        level = math.min(capacity, tonumber(kept[1]) + math.max(0, now - tonumber(kept[2])) * rate)
    end
    level = level - taken
    if level < capacity then
        redis.call('HSET', key, 'level', string.format('%.6f', level), 'at', string.format('%.6f', now))
        redis.call('PEXPIRE', key, math.ceil((capacity - level) / rate * 1000) + 1000)
    end
    levels[place] = string.format('%.6f', level)
end
return levels
"""


class Taken(Struct, frozen=True):
    """What was taken here of a bucket of a `policy` since the last time; `name` is whose bucket it is."""

    policy: str
    name: str
    capacity: float
    amount: float

    @property
    def key(self) -> str:
        """The key of the bucket; a digest stands for the name, which may be that of a user."""
        digest = blake2b(self.name.encode(errors="surrogatepass"), digest_size=_NAME_BYTES).hexdigest()
        return f"{_PREFIX}:{self.policy}:{digest}"


class SharedBuckets:
    """Take from buckets in a Redis, which fill up within `window` seconds."""

    def __init__(self, node: CommandRunner, window: float) -> None:
        self._node, self._window = node, window

    async def take(self, taken: Sequence[Taken]) -> list[float]:
        """Return how full each bucket is once everything is taken from it; below 0 it is in debt.

        Raises:
            Unavailable: the server does not answer, or refuses; some of it may have been taken.
        """
        levels: list[float] = []
        for begin in range(0, len(taken), _AT_ONCE):
            some = taken[begin : begin + _AT_ONCE]
            amounts = [str(number) for one in some for number in (one.capacity, one.amount)]
            command: Command = ("EVAL", _TAKE, len(some), *(one.key for one in some), str(self._window), *amounts)
            [found] = await self._node.run([command], writes=True)
            levels += [float(level) for level in found]
        return levels


@asynccontextmanager
async def open_shared_buckets(url: Secret, window: float) -> AsyncIterator[SharedBuckets]:
    """Hold shared buckets for as long as the context lasts; the server need not be up yet."""
    # Every service imports this file, and few share anything: the library is an extra, and takes long to load.
    from providers.redis.node import Connecting, Node, maker_of

    connecting = Connecting(connections=1, timeout=_SECONDS, connect_timeout=_SECONDS, demands=Demands(may_lose=True))
    node = Node(maker_of(url.reveal()), connecting)
    try:
        yield SharedBuckets(node, window)
    finally:
        await node.close()
