"""The parts of a provider over Redis, made once when it is opened."""

from providers.keyed.filling import FillingReport
from providers.keyed.parts import KeyedParts
from providers.redis.changes import RedisChanges
from providers.redis.feed import Feed
from providers.redis.filling import OwnerFilling
from providers.redis.history import RedisHistories
from providers.redis.keys import Keyspace
from providers.redis.nearest import VectorSets
from providers.redis.reader import RedisReader
from providers.redis.recall import RedisRecall
from providers.redis.servers import Servers
from providers.redis.shelf import RedisShelf


class RedisParts(KeyedParts, frozen=True, kw_only=True):
    """What Redis has beside the parts of every store of states."""

    shelf: RedisShelf
    changes: RedisChanges
    servers: Servers
    keyspace: Keyspace
    feed: Feed
    reader: RedisReader
    histories: RedisHistories
    recall: RedisRecall
    sets: VectorSets
    filling: OwnerFilling
    report: FillingReport
