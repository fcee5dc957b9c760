"""Fences: up to which version nothing of an owner may be put any more, of whom only a keyed hash is known."""

import secrets
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from hashlib import sha256

from msgspec import Struct

from providers.errors import OwnerErased
from providers.owners import Owner

KEY_BYTES = 16
NEVER_ERASED = -1  # below every version, 0 included
_HASHES_KEPT = 10_000  # of owners who were asked about lately


class Fence(Struct, frozen=True, kw_only=True):
    """One erased owner: no state with a version up to `version` is put any more, whoever brings it.

    `hash` is that of the owner under `key`, both in hexadecimal digits. The key is random and no secret among those who
    may read the list: it keeps two installations from having the same hashes. `erased_at` is seconds since 1970 by the
    clock of whoever keeps the list.
    """

    key: str
    hash: str
    version: int
    erased_at: float


def new_key() -> str:
    """Return a random key."""
    return secrets.token_hex(KEY_BYTES)


@lru_cache(_HASHES_KEPT)
def hash_of(key: str, owner_key: str) -> str:
    """Return the hash of an owner, given by `Owner.key`, under a key; databases compute the same in SQL."""
    return sha256(bytes.fromhex(key) + owner_key.encode()).hexdigest()


class FenceList:
    """The fences that this process knows; true if there is one."""

    def __init__(self) -> None:
        self._of_keys: defaultdict[str, dict[str, Fence]] = defaultdict(dict)

    def __bool__(self) -> bool:
        return bool(self._of_keys)

    def __len__(self) -> int:
        return sum(map(len, self._of_keys.values()))

    def add(self, fences: Iterable[Fence]) -> None:
        """Add fences; of two for one owner the higher counts."""
        for fence in fences:
            known = self._of_keys[fence.key].get(fence.hash)
            if known is None or fence.version > known.version:
                self._of_keys[fence.key][fence.hash] = fence

    def of(self, owner: Owner) -> Fence | None:
        """Return the highest fence of an owner, None if the owner was not erased."""
        key = owner.key
        found = [fences.get(hash_of(one, key)) for one, fences in self._of_keys.items()]
        return max((one for one in found if one is not None), key=lambda fence: fence.version, default=None)

    def version_of(self, owner: Owner) -> int:
        """Return up to which version an owner was erased, `NEVER_ERASED` for one who was not."""
        fence = self.of(owner) if self._of_keys else None
        return NEVER_ERASED if fence is None else fence.version

    def refusal(self, owner: Owner, version: int | None) -> OwnerErased | None:
        """Return why a version may not be put; one that is yet to be minted will be above every fence."""
        erased = self.version_of(owner)
        return OwnerErased(erased) if version is not None and version <= erased else None

    def check(self, owner: Owner, version: int) -> None:
        """Refuse a version that was erased.

        Raises:
            OwnerErased: it is not above the fence of its owner.
        """
        if refusal := self.refusal(owner, version):
            raise refusal

    def all(self) -> list[Fence]:
        """Return all fences by their hashes."""
        found = (fence for fences in self._of_keys.values() for fence in fences.values())
        return sorted(found, key=lambda fence: fence.hash)

    def newest(self) -> Fence | None:
        """Return the fence of the last erasure, None if there is none."""
        return max(self.all(), key=lambda fence: fence.erased_at, default=None)

    def forget(self, before: float) -> None:
        """Forget those that were erased before a moment."""
        for key in [*self._of_keys]:
            kept = {one.hash: one for one in self._of_keys[key].values() if one.erased_at >= before}
            if kept:
                self._of_keys[key] = kept
            else:
                del self._of_keys[key]
