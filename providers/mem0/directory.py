"""What mem0 has no call for: which users there are, and which store this is. Both are stored as memories of our own."""

import asyncio
from uuid import UUID, uuid4, uuid5
from weakref import WeakValueDictionary

from providers.errors import Unavailable
from providers.mem0.cache import Mem0Cache
from providers.mem0.codec import key_of, mark_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.names import STORE, USERS
from providers.types import Owner

# The namespace of the keys under which users are registered; changing it would register everybody once more.
_USER_KEYS = UUID("0c2f0a53-6a3e-5b57-8f0e-0d9b1d6c5a11")
_STORE_KEY = str(UUID(int=1))


class Directory:
    """Keep the list of users, and the name of the store."""

    def __init__(self, dialect: Dialect, cache: Mem0Cache) -> None:
        self._dialect = dialect
        self._cache = cache
        self._store: str | None = None
        self._locks: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    async def register(self, owner: Owner) -> None:
        """Put an owner into the list, if it is not there."""
        if self._cache.is_registered(owner):
            return
        # Of a thousand first memories written at once, one registers the owner while the others wait.
        async with self._locks.setdefault(owner, asyncio.Lock()):
            if self._cache.is_registered(owner):
                return
            key = _key_of_user(owner.user)
            if not any(item.user == USERS for item in await self._dialect.find([USERS], key)):
                await self._dialect.add(USERS, key, owner.user, mark_of(key))
            self._cache.register(owner)

    async def owners(self) -> tuple[list[Owner], bool]:
        """Return all owners, ascending by code point, and whether these are all."""
        listing = await self._dialect.everything(USERS)
        users = {item.text for item in listing.items if item.user == USERS and key_of(item) == _key_of_user(item.text)}
        return [Owner(user) for user in sorted(users)], listing.whole

    async def identity(self) -> str:
        """Return the name of the store; the first process that asks mints it, and of two at once the lesser one stands.

        Raises:
            Unavailable: mem0 does not show the name that it was just given.
        """
        names = await self._names()
        if not names:
            await self._dialect.add(STORE, _STORE_KEY, str(uuid4()), mark_of(_STORE_KEY))
            names = await self._names()
        if not names:
            raise Unavailable("mem0 does not show what it has stored")
        store = f"mem0:{min(names)}"
        if self._store not in {None, store}:
            self._cache.clear()  # what is known is of another store
        self._store = store
        return store

    async def _names(self) -> list[str]:
        return [item.text for item in await self._dialect.find([STORE], _STORE_KEY) if item.user == STORE]


def _key_of_user(user_id: str) -> str:
    return str(uuid5(_USER_KEYS, user_id))
