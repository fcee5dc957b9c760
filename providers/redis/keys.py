"""The keys of a keyspace: all keys of an owner have one hash tag, so that a cluster keeps them in one place."""

from urllib.parse import quote
from zlib import crc32

from msgspec import Struct

from providers.owners import Owner

SHARDS = 16  # of the directory of owners; another number would be another keyspace


class OwnerKeys(Struct, frozen=True, kw_only=True):
    """The keys of one owner.

    `states` is a hash of states by id, tombstones included; `ids` has their ids in order, `live` the places in the list
    of those that live, and `mortal` the ends of those that expire. `changes` has the ids by the number
    of their last change, and `about` counts these. `history` is a hash of superseded versions by their places, and
    `versions` has these places in order. `vectors` is a hash of vectors by id, all of one model; `filled` has the ids
    of those that came after their state, by numbers as those of changes. `nearest` is a vector set, if one is needed.
    """

    states: str
    ids: str
    live: str
    mortal: str
    changes: str
    about: str
    history: str
    versions: str
    vectors: str
    filled: str
    nearest: str

    @property
    def all(self) -> tuple[str, ...]:
        """All of them, in the order in which scripts take them."""
        return tuple(getattr(self, name) for name in self.__struct_fields__)


class Keyspace(Struct, frozen=True):
    """The keys that begin with a prefix; two prefixes are two stores on one server."""

    prefix: str

    @property
    def identity(self) -> str:
        """The key of the name of this store."""
        return f"{self.prefix}:{{store}}:identity"

    @property
    def mark(self) -> str:
        """The key of the mark that a chain leaves."""
        return f"{self.prefix}:{{store}}:mark"

    @property
    def fences(self) -> str:
        """The key of the list of erased owners: a hash, by their hashes."""
        return f"{self.prefix}:{{store}}:fences"

    @property
    def nothing(self) -> str:
        """A key that nothing is ever kept at."""
        return f"{self.prefix}:{{store}}:nothing"

    @property
    def directories(self) -> list[str]:
        """The keys of the directory of owners."""
        return [self._directory(shard) for shard in range(SHARDS)]

    def directory_of(self, owner: Owner) -> str:
        """Return the key of the part of the directory that an owner stands in."""
        return self._directory(crc32(owner.key.encode()) % SHARDS)

    def of(self, owner: Owner) -> OwnerKeys:
        """Return the keys of an owner; what would end a hash tag is encoded."""
        tagged = f"{self.prefix}:{{u:{quote(owner.key, safe='')}}}"
        return OwnerKeys(**{name: f"{tagged}:{name}" for name in OwnerKeys.__struct_fields__})

    def _directory(self, shard: int) -> str:
        return f"{self.prefix}:{{owners:{shard}}}"
