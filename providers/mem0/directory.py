"""What mem0 has no call for: its users, its name as a store, and a chain's mark; all are memories of our own there."""

import asyncio
from collections.abc import Iterable
from contextlib import suppress
from uuid import UUID, uuid4, uuid5
from weakref import WeakValueDictionary

import msgspec

from providers.acquaintance import Acquaintance
from providers.errors import Unavailable
from providers.introduction import Introduction, StoreMark
from providers.mem0.cache import Mem0Cache
from providers.mem0.codec import key_of, mark_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.item import Item
from providers.mem0.names import STORE, USERS, name_of, owner_of
from providers.owners import DEFAULT_TENANT, Owner

# The namespace of the keys under which users are registered; changing it would register everybody once more.
_USER_KEYS = UUID("0c2f0a53-6a3e-5b57-8f0e-0d9b1d6c5a11")
_STORE_KEY, _MARK_KEY = str(UUID(int=1)), str(UUID(int=2))
_MARKS = msgspec.json.Decoder(StoreMark)


class Directory:
    """Keep the list of users, the name of the store, and the mark that a chain has left."""

    def __init__(self, dialect: Dialect, cache: Mem0Cache) -> None:
        self._dialect = dialect
        self._cache = cache
        self._acquaintance = Acquaintance(cache.clear)
        self._locks: WeakValueDictionary[Owner, asyncio.Lock] = WeakValueDictionary()

    async def register(self, owner: Owner) -> None:
        """Put an owner into the list, if it is not there."""
        if self._cache.is_registered(owner):
            return
        # Of a thousand first memories written at once, one registers the owner while the others wait.
        async with self._locks.setdefault(owner, asyncio.Lock()):
            if self._cache.is_registered(owner):
                return
            key = _key_of(owner.key)
            if not any(item.user == USERS for item in await self._dialect.find([USERS], key)):
                text = owner.user if owner.tenant == DEFAULT_TENANT else name_of(owner)
                await self._dialect.add(USERS, key, text, mark_of(key))
            self._cache.register(owner)

    async def unregister(self, owner: Owner) -> None:
        """Take an owner out of the list."""
        key = _key_of(owner.key)
        found = [item for item in await self._dialect.find([USERS], key) if item.user == USERS]
        await asyncio.gather(*(self._dialect.remove(USERS, item.id) for item in found))

    async def owners(self) -> tuple[list[Owner], bool]:
        """Return all owners, ascending by code point, and whether these are all."""
        listing = await self._dialect.everything(USERS)
        found = {_registered(item) for item in listing.items if item.user == USERS}
        return sorted((one for one in found if one is not None), key=lambda owner: owner.key), listing.whole

    async def introduction(self) -> Introduction:
        """Return the name of the store and the greatest mark in it; both come in one list.

        The first process that asks mints the name, and of two at once the lesser one stands.

        Raises:
            Unavailable: mem0 does not show the name that it was just given, or only a part of what it has.
        """
        items = await self._items()
        if not (names := _texts(items, _STORE_KEY)):
            await self._dialect.add(STORE, _STORE_KEY, str(uuid4()), mark_of(_STORE_KEY))
            items = await self._items()
            names = _texts(items, _STORE_KEY)
        if not names:
            raise Unavailable("mem0 does not show what it has stored")
        introduction = Introduction(identity=f"mem0:{min(names)}", mark=_greatest(_marks(items)))
        self._acquaintance.meet(introduction)
        return introduction

    async def leave_mark(self, mark: StoreMark, former: StoreMark | None) -> bool:
        """Add a mark, then remove those before it; return False if another one than the former is there.

        mem0 can compare nothing while it writes. Of two processes at the same moment both may be told that their mark
        was left: then both marks are there, the greater one counts, and the next mark removes them. So it is when a
        removal is broken off.
        """
        before = _marks(await self._items())
        if _greatest(before) != former:
            return False
        if not await self._dialect.add(STORE, _MARK_KEY, msgspec.json.encode(mark).decode(), mark_of(_MARK_KEY)):
            raise Unavailable("mem0 has stored nothing of it", ambiguous=True)
        await asyncio.gather(*(self._dialect.remove(STORE, item.id) for item, _ in before))
        self._acquaintance.marked(mark)
        return True

    async def _items(self) -> list[Item]:
        listing = await self._dialect.everything(STORE)
        if not listing.whole:
            raise Unavailable("mem0 does not show all that it has stored")
        return [item for item in listing.items if item.user == STORE]


def _texts(items: Iterable[Item], key: str) -> list[str]:
    return [item.text for item in items if key_of(item) == key]


def _marks(items: Iterable[Item]) -> list[tuple[Item, StoreMark]]:
    """Return the marks among items; one that cannot be read was written by somebody else, and is none."""
    marks = []
    for item in items:
        if key_of(item) == _MARK_KEY:
            with suppress(msgspec.DecodeError):
                marks.append((item, _MARKS.decode(item.text)))
    return marks


def _greatest(marks: Iterable[tuple[Item, StoreMark]]) -> StoreMark | None:
    return max((mark for _, mark in marks), key=lambda mark: (mark.epoch, mark.number), default=None)


def _registered(item: Item) -> Owner | None:
    """Return the owner whom an item registers, by name or, in the default tenant, by the bare user id; None if none.

    The key tells which of the two the text is.
    """
    known = (Owner(item.text), owner_of(item.text))
    return next((owner for owner in known if key_of(item) == _key_of(owner.key)), None)


def _key_of(owner: str) -> str:
    return str(uuid5(_USER_KEYS, owner))
