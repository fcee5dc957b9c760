"""The parts of a provider over Redis, made once when it is opened."""

from msgspec import Struct

from providers.redis.changes import RedisChanges
from providers.redis.erasing import RedisErasing
from providers.redis.feed import Feed
from providers.redis.introducing import StoreKeys
from providers.redis.keys import Keyspace
from providers.redis.reader import Reader
from providers.redis.recall import Recall
from providers.redis.servers import Servers
from providers.redis.shelf import Shelf
from providers.states.clock import HybridClock


class RedisParts(Struct, frozen=True, kw_only=True):
    """What reads and writes, each for its purpose."""

    servers: Servers
    keyspace: Keyspace
    shelf: Shelf
    reader: Reader
    changes: RedisChanges
    recall: Recall
    feed: Feed
    store_keys: StoreKeys
    erasing: RedisErasing
    clock: HybridClock
