"""Usage of several hosts: each writes its own sums into the Redis by which they share limits, and reads the others'."""

import asyncio
from collections.abc import Callable, Sequence
from contextlib import AsyncExitStack
from datetime import datetime
from hashlib import blake2b

import msgspec
from msgspec import Struct

from app.usage.totals import BYS, By, RequestCount, SavedCounts
from observability.secret import Secret
from providers.owners import Owner
from providers.redis.shared_counts import SharedCounts, open_shared_counts

_HASH_BYTES = 16
_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(RequestCount).decode


class _Host(Struct, frozen=True):
    """What a host tells of itself: since when it counts, and with which key it hashes the names of users."""

    since: datetime
    key: bytes


_decode_host = msgspec.json.Decoder(_Host).decode


def hashed(owner: Owner, key: bytes) -> str:
    """Return the name under which a user is counted by a host that has this key."""
    return blake2b(owner.key.encode(), key=key, digest_size=_HASH_BYTES).hexdigest()


class UsageSharing:
    """Tell the sums of this host, and hear those of the others."""

    def __init__(self) -> None:
        self._stack, self._turning = AsyncExitStack(), asyncio.Lock()
        self._url: Secret | None = None
        self._shared: SharedCounts | None = None
        self._told: dict[By, dict[str, str]] = {by: {} for by in BYS}

    async def turn_to(self, url: Secret | None) -> bool:
        """Share through this Redis from now on, or through none; return whether there is one."""
        async with self._turning:
            if url != self._url:
                await self._stack.aclose()
                self._url, self._shared = url, None
                self._forget()
                if url is not None:
                    self._shared = await self._stack.enter_async_context(open_shared_counts(url))
        return self._shared is not None

    async def tell(self, host: str, sums: SavedCounts, key: bytes) -> None:
        """Write what has changed of the sums of this host since they were written last; all of it, if that is lost.

        Raises:
            ProviderError: the Redis does not answer, or refuses; what was not written is written the next time.
        """
        if (shared := self._shared) is None:
            return
        if not await shared.knows(host):
            self._forget()
            await shared.clear(host, BYS)
        all_told = self._told
        for by in BYS:
            told = all_told[by]
            changed = await asyncio.to_thread(_changed, told, sums.counts.get(by, {}))
            gone = [name for name in told if name not in sums.counts.get(by, {})]
            await shared.put(host, by, changed)
            await shared.drop(host, by, gone)
            told.update(changed)
            for name in gone:
                del told[name]
        # At last: a host whose sums are not all there is not read.
        await shared.introduce(host, _encode(_Host(sums.since, key)).decode())

    async def elsewhere(
        self, host: str, by: By, owners: Sequence[Owner], name_of: Callable[[Owner], str]
    ) -> list[SavedCounts]:
        """Return the sums of each other host: of all keys or tenants, or of these users, under the names of this host.

        Raises:
            ProviderError: the Redis does not answer, or refuses.
        """
        if (shared := self._shared) is None:
            return []
        sums = []
        for other, about in (await shared.hosts()).items():
            if other == host:
                continue
            one = _decode_host(about)
            if by == "user":
                names = {hashed(owner, one.key): name_of(owner) for owner in owners}
                found = await shared.some(other, by, list(names))
            else:
                found = await shared.all(other, by)
                names = {name: name for name in found}
            sums.append(SavedCounts(one.since, {by: {names[name]: _decode(count) for name, count in found.items()}}))
        return sums

    def _forget(self) -> None:
        self._told = {by: {} for by in BYS}


def _changed(told: dict[str, str], counts: dict[str, RequestCount]) -> dict[str, str]:
    written = ((name, _encode(count).decode()) for name, count in counts.items())
    return {name: count for name, count in written if told.get(name) != count}
