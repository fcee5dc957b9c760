"""A session of the OpenAI Agents SDK, whose items are memories of one user.

session = NinaiSession("trip-7", AsyncClient(user="priya"))
await Runner.run(agent, "Which seat do I like?", session=session)
"""

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from uuid import uuid4

from agents import SessionSettings, TResponseInputItem
from agents.memory.session_settings import resolve_session_limit
from msgspec import Struct

from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.keyed import PartlyFailed
from ninaivalaigal.limits import MAX_BATCH, MAX_CONTENT_CHARS
from ninaivalaigal.options import Condition, NewMemory
from ninaivalaigal.values import Memory

_MARK = "openai_agents"
_IN_SESSION: Condition = {"op": "exists", "field": [_MARK, "item"]}
# Of one request: 500 of the longest would be more than the body of a batch may have, and cost more than it may.
MOST_PER_BATCH = 500
MOST_CHARS_PER_BATCH = 2_000_000


class _Kept(Struct, frozen=True):
    """An item of the session, and the memories that hold its parts."""

    item: TResponseInputItem
    memory_ids: list[str]


class NinaiSession:
    """A session over the service: the label `session` of its memories is the id of the session.

    An item is JSON, which is stored in as many memories as it needs.
    """

    def __init__(
        self,
        session_id: str,
        client: AsyncClient,
        *,
        user: str | None = None,
        session_settings: SessionSettings | None = None,
    ) -> None:
        self.session_id, self.session_settings = session_id, session_settings
        self._client, self._user = client, user

    async def get_items(self, limit: int | None = None) -> list[TResponseInputItem]:
        """Return the items in their order: the latest so many, or all of them."""
        most = resolve_session_limit(limit, self.session_settings)
        kept = [] if most is not None and most <= 0 else [one.item async for one in self._newest(most)]
        return kept[::-1]

    async def add_items(self, items: list[TResponseInputItem]) -> None:
        """Add items behind those of the session.

        Raises:
            PartlyFailed: some could not be stored; none of this call is left.
        """
        stored = list[str]()
        for batch in _batches(part for item in items for part in self._parts(item)):
            answer = await self._client.remember_batch(batch, user=self._user)
            stored += [one.memory_id for one in answer.results if one.memory_id is not None]
            if answer.failed:
                await self._delete(stored)
                raise PartlyFailed(answer.problems)

    async def pop_item(self) -> TResponseInputItem | None:
        """Remove the latest item, and return it; None if there is none."""
        while True:
            kept = [one async for one in self._newest(1)]
            if not kept:
                return None
            # Of two that pop at the same time the one has it who deletes its first part.
            if await self._delete(kept[0].memory_ids):
                return kept[0].item

    async def clear_session(self) -> None:
        """Remove all items."""
        while (await self._client.delete_matching(session=self.session_id, where=_IN_SESSION, user=self._user)).more:
            pass

    async def _newest(self, most: int | None) -> AsyncIterator[_Kept]:
        """Yield the items from the latest one on; what is not there in all of its parts is none."""
        parts, found = dict[str, dict[int, Memory]](), 0
        listed = self._client.memories(
            session=self.session_id,
            where=_IN_SESSION,
            limit=MAX_BATCH if most is None else min(most, MAX_BATCH),
            user=self._user,
        )
        async for memory in listed:
            mark = (memory.metadata or {})[_MARK]
            held = parts.setdefault(mark["item"], {})
            held[mark["part"]] = memory
            if len(held) < mark["parts"]:
                continue
            ordered = [held[part] for part in range(mark["parts"])]
            yield _Kept(json.loads("".join(one.content for one in ordered)), [one.id for one in ordered])
            found += 1
            if found == most:
                return

    async def _delete(self, memory_ids: list[str]) -> bool:
        """Delete memories, and return whether the first one was there."""
        first = True
        for begin in range(0, len(memory_ids), MAX_BATCH):
            answer = await self._client.delete_batch(memory_ids[begin : begin + MAX_BATCH], user=self._user)
            if begin == 0:
                first = answer.results[0].problem is None
        return first

    def _parts(self, item: TResponseInputItem) -> Iterator[NewMemory]:
        pieces, item_id = _pieces(item), uuid4().hex
        for place, piece in enumerate(pieces):
            mark = {"item": item_id, "part": place, "parts": len(pieces)}
            yield {"content": piece, "session": self.session_id, "metadata": {_MARK: mark}}


def _pieces(item: TResponseInputItem) -> list[str]:
    """Return the JSON of an item in pieces that the service takes: not too long, not blank, and proper Unicode."""
    text = json.dumps(item, ensure_ascii=False, separators=(",", ":"))
    pieces = _cut(text)
    if all(piece.strip() for piece in pieces) and _is_proper(text):
        return pieces
    # Blanks stand in strings alone, where they may be escaped, too.
    return _cut(json.dumps(item, separators=(",", ":")).replace(" ", "\\u0020"))


def _cut(text: str) -> list[str]:
    return [text[begin : begin + MAX_CONTENT_CHARS] for begin in range(0, len(text), MAX_CONTENT_CHARS)]


def _is_proper(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # half of a surrogate pair
        return False
    return True


def _batches(parts: Iterable[NewMemory]) -> Iterator[list[NewMemory]]:
    """Yield the parts in as many batches as the service wants them in."""
    batch, chars = list[NewMemory](), 0
    for part in parts:
        if len(batch) == MOST_PER_BATCH or chars + len(part["content"]) > MOST_CHARS_PER_BATCH:
            yield batch
            batch, chars = [], 0
        batch.append(part)
        chars += len(part["content"])
    if batch:
        yield batch
