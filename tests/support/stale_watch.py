"""A reader that compares what a recall ranks with what the database held before and after it."""

from collections import Counter
from collections.abc import Mapping
from datetime import UTC, datetime
from random import Random
from typing import Any

import asyncpg
import numpy as np
from msgspec import Struct

from providers.errors import ProviderError
from providers.native.provider import PostgresMemoryProvider
from providers.owners import Owner
from providers.search.admitting import mask_of
from providers.search.recall_index.index import RecallIndex
from providers.search.user_index import UserIndex
from providers.types import Conditions, RecallQuery

_TRUTH = """
    SELECT id, version, expires_at, embedding IS NOT NULL AS embedded, metadata IS NOT NULL AS described
    FROM ninai_memories
    WHERE user_id = $1 AND deleted_at IS NULL AND version > ninai_erased_up_to($1)
"""

ANSWER_EVERY = 5  # rounds
CONTENTS_EVERY = 3
FORGET_EVERY = 20


class Held(Struct, frozen=True):
    """What is known of a memory: its version, whether it has a vector and metadata, and when it expires."""

    version: int
    embedded: bool
    described: bool
    expires_at: datetime | None = None


class Watch:
    """Look again and again; `faults` counts by kind what a look had or lacked against the truth.

    `missing` were there before and after the look, `undead` are in it although they were gone before and after,
    `unembedded` lack a vector that was there before, `expired` had expired before, and `bare` lack their metadata where
    these were to be looked at. `strong` counts the answers that promised to be whole.
    """

    def __init__(self, provider: PostgresMemoryProvider, index: RecallIndex, owner: Owner) -> None:
        self.faults: Counter[str] = Counter()
        self.rounds = 0
        self.strong = 0
        self._chance = Random(2)  # noqa: S311 - it chooses what is asked for
        self._provider, self._index, self._owner = provider, index, owner

    async def look(self, connection: asyncpg.Connection, known: set[str]) -> None:
        """Look once; nobody is wrong who gives no answer.

        `known` are all ids that this reader has seen in the database: others may have seen later ones by now.
        """
        now = datetime.now(UTC)
        before = await self._truth(connection)
        gone = known - before.keys()
        known.update(before)
        try:
            by_contents = self._chance.randrange(CONTENTS_EVERY) == 0
            if self._chance.randrange(FORGET_EVERY) == 0:
                self._index.forget()
            current = await self._index.current(self._owner, by_contents=by_contents)
            if current is None:
                return
            seen = _held_by(current, now)
            answer = await self._answer() if self.rounds % ANSWER_EVERY == 0 else {}
        except ProviderError:
            return
        after = await self._truth(connection)
        self.rounds += 1
        same = {one: held for one, held in before.items() if one in after and after[one].version == held.version}
        there = {one: held for one, held in same.items() if held.expires_at is None or held.expires_at > now}
        self.faults["missing"] += sum(
            one not in seen or seen[one].version != held.version for one, held in there.items()
        )
        self.faults["unembedded"] += sum(
            held.embedded and one in seen and not seen[one].embedded for one, held in there.items()
        )
        if by_contents:
            self.faults["bare"] += sum(
                held.described and one in seen and not seen[one].described for one, held in there.items()
            )
        self.faults["expired"] += sum(one in seen and one not in there for one in same)
        # An edit brings back what is erased and not removed yet: before these writers stands nothing that knows fences.
        gone -= after.keys()
        self.faults["undead"] += len(gone & seen.keys()) + len(gone & answer.keys())
        self.faults["outdated"] += sum(answer[one] != held.version for one, held in same.items() if one in answer)

    async def _answer(self) -> Mapping[str, int]:
        """Return the versions in an answer that says that it is whole."""
        found = await self._provider.find(RecallQuery(owner=self._owner, query="tea or coffee", limit=100))
        if found.eventual or set(found.degraded) - {"no_vector"}:
            return {}
        self.strong += 1
        return {record.id: record.version for record in found.memories}

    async def _truth(self, connection: asyncpg.Connection) -> dict[str, Held]:
        rows = await connection.fetch(_TRUTH, self._owner.key)
        return {str(row["id"]): Held(**{name: row[name] for name in Held.__struct_fields__}) for row in rows}


def _held_by(index: UserIndex, now: datetime) -> dict[str, Held]:
    mask = mask_of(index, Conditions(now=now), None)
    alive = index.columns.alive if mask is None else index.columns.alive & mask
    embedded: set[int] = set()
    for planes in index.planes.values():
        embedded.update(planes.rows.tolist())
    columns: Any = index.columns
    return {
        columns.id_of(row): Held(int(columns.version[row]), row in embedded, bool(index.metadata[row]))
        for row in np.flatnonzero(alive).tolist()
    }
