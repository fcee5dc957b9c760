"""The look after new memories were stored under keys: for all keys of a moment together, in one statement."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress

from sqlalchemy import text

from providers import background
from providers.answers import Erased
from providers.errors import ProviderError
from providers.native.database import Database
from providers.native.wall import NAMED, tenants_of
from providers.owners import Owner
from providers.types import Deletion

GATHERED_SECONDS = 0.02  # so long keys come together; whoever asks for one of them meanwhile looks as well

# Of the memories of a key all but the one that is current; see `providers/keys/choosing.py`.
_SUPERSEDED = text(f"""
    SELECT user_id, id, version FROM (
        SELECT user_id, id, version,
            row_number() OVER (PARTITION BY user_id, key ORDER BY first_version DESC, id DESC) AS place
        FROM ninai_memories
        WHERE {NAMED} AND user_id = ANY (CAST(:user_ids AS text[])) AND key IS NOT NULL
            AND key = ANY (CAST(:keys AS text[])) AND deleted_at IS NULL
    ) AS ranked WHERE place > 1
""")  # noqa: S608 - joined from constants


class KeyTidying:
    """Delete what is superseded under the keys that were put, as `tidy` in `providers/keys` does."""

    def __init__(self, database: Database, erase: Callable[[Deletion], Awaitable[Erased]]) -> None:
        self._database = database
        self._erase = erase
        self._put: set[tuple[str, str]] = set()
        self._task: asyncio.Task[None] | None = None

    def add(self, owner: Owner, key: str) -> None:
        """Look soon whether others have stored another memory under a key, once one was stored for good."""
        self._put.add((owner.key, key))
        if self._task is None or self._task.done():
            self._task = background.start_once(self._run(), "tidy keys")

    async def close(self) -> None:
        """Wait for the look under way."""
        if self._task is not None:
            await asyncio.gather(self._task, return_exceptions=True)

    async def _run(self) -> None:
        while self._put:
            await asyncio.sleep(GATHERED_SECONDS)
            put, self._put = self._put, set()
            with suppress(ProviderError):  # the next look for such a key does it
                for deletion in await self._superseded(put):
                    await self._erase(deletion)

    async def _superseded(self, put: set[tuple[str, str]]) -> list[Deletion]:
        users, keys = (sorted(set(parts)) for parts in zip(*put, strict=True))
        values = {"user_ids": users, "keys": keys, "tenants": tenants_of(users)}
        rows = await self._database.rows(_SUPERSEDED, values)
        # Only if nobody has changed it since, as who gives it another key does.
        return [Deletion(owner=Owner.of_key(row.user_id), memory_id=str(row.id), seen=row.version) for row in rows]
