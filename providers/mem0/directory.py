"""What mem0 has no call for: which users there are, and which store this is. Both are kept as memories of our own."""

import asyncio
from uuid import UUID, uuid4, uuid5
from weakref import WeakValueDictionary

from providers.errors import Unavailable
from providers.mem0.codec import key_of, mark_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.memo import Memo
from providers.mem0.names import STORE, USERS

# The namespace of the keys under which users are enrolled; changing it would enrol everybody once more.
_USER_KEYS = UUID("0c2f0a53-6a3e-5b57-8f0e-0d9b1d6c5a11")
_STORE_KEY = str(UUID(int=1))


class Directory:
    """The list of users, and the name of the store."""

    def __init__(self, dialect: Dialect, memo: Memo) -> None:
        self._dialect = dialect
        self._memo = memo
        self._store: str | None = None
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def enrol(self, user_id: str) -> None:
        """Put a user into the list, if it is not there."""
        if self._memo.enrolled(user_id):
            return
        # Who writes a thousand memories at once is enrolled by the first of them, while the others wait.
        async with self._locks.setdefault(user_id, asyncio.Lock()):
            if self._memo.enrolled(user_id):
                return
            key = _key_of_user(user_id)
            if not any(item.user == USERS for item in await self._dialect.find([USERS], key)):
                await self._dialect.add(USERS, key, user_id, mark_of(key))
            self._memo.enrol(user_id)

    async def users(self) -> tuple[list[str], bool]:
        """Give all users, ascending by code point, and whether these are all."""
        listing = await self._dialect.everything(USERS)
        users = {item.text for item in listing.items if item.user == USERS and key_of(item) == _key_of_user(item.text)}
        return sorted(users), listing.whole

    async def identity(self) -> str:
        """Give the name of the store; who comes first gives it one, and of two who come at once the lesser stands.

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
            self._memo.clear()  # what is known is of another store
        self._store = store
        return store

    async def _names(self) -> list[str]:
        return [item.text for item in await self._dialect.find([STORE], _STORE_KEY) if item.user == STORE]


def _key_of_user(user_id: str) -> str:
    return str(uuid5(_USER_KEYS, user_id))
