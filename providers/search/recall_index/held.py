"""What a recall index holds of each owner, and what has happened so far."""

import asyncio
from collections import Counter

from msgspec import Struct, field

from providers.changes import ChangeCursor
from providers.owners import Owner
from providers.search.user_index import UserIndex


class RecallCounts(Struct):
    """What has happened so far, and the `bytes` and `owners` as of now.

    Of `events`, which only grow, `loading` counts the recalls that did not wait for their index, `dropped` the indexes
    that were of another epoch of their store, `unknown` the recalls for which the store could not tell what changed,
    and `passed` the indexes that were loaded for one recall alone.
    """

    events: Counter[str] = field(default_factory=Counter)
    bytes: int = 0
    owners: int = 0


class HeldIndex(Struct):
    """One owner's index, how far it has come, and the bytes that were counted for it.

    `spare` of those bytes are of what can be made again. A `bare` index has only what a ranking without conditions on
    contents looks at; the `whole` one, which is loaded for the first such condition, will take its place.

    An owner whose memories are unknown is not asked about until `unknown_until`. `loading` is the first look, which all
    who come meanwhile wait for; `applying` keeps two looks from being applied at once.
    """

    owner: Owner
    index: UserIndex = field(default_factory=UserIndex)
    cursor: ChangeCursor | None = None
    order: tuple[int, ...] = ()
    bare: bool = False
    whole: "HeldIndex | None" = None
    counted: int = 0
    spare: int = 0
    unknown_until: float = 0.0
    loading: asyncio.Task[bool] | None = None
    applying: asyncio.Lock = field(default_factory=asyncio.Lock)
