"""mem0's own REST server.

It finds memories by `user_id`, `agent_id` and `run_id` alone, lists at most a thousand in no order, and does not page.
So a memory's key is its `run_id`, and its `agent_id` one of sixteen partitions: a user with more than a thousand
memories is listed partition by partition.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct

from observability.secret import Secret
from providers.mem0.client import HttpClient, HttpRequest
from providers.mem0.dialects.answers import MAY_MISS, NIL, Added, Record, is_missing, item_of, items_of
from providers.mem0.dialects.base import Dialect
from providers.mem0.item import Item, Listing, converted, unique

MAX_TOP_K = 1_000
PARTITIONS = tuple(f"ninai-{digit}" for digit in "0123456789abcdef")


class _AddedResults(Struct):
    results: list[Added]


class OssDialect(Dialect):
    """Speak to a server of one's own; with a key in `X-API-Key` alone, since a `Bearer` beside it poisons the call."""

    name: ClassVar[str] = "oss"

    def __init__(self, client: HttpClient, api_key: Secret | None) -> None:
        self._client = client
        self._headers = {} if api_key is None else {"x-api-key": api_key.reveal()}

    async def add(self, user: str, key: str, text: str, metadata: dict[str, Any]) -> list[str]:
        """See `Dialect`."""
        own = {"agent_id": partition_of(key), "run_id": key, "metadata": metadata, "infer": False}
        return await self._add(user, text, own)

    async def infer(self, user: str, text: str, metadata: dict[str, Any] | None) -> list[str]:
        """See `Dialect`."""
        return await self._add(user, text, {"metadata": metadata or {}, "infer": True})

    async def find(self, users: Sequence[str], key: str) -> list[Item]:
        """See `Dialect`."""
        # Each user in a call of its own: a run alone would do for mem0, but not where users are kept apart.
        lists = await asyncio.gather(*(self._list({"user_id": user, "run_id": key}, user) for user in users))
        return [item for items in lists for item in items if item.user in users]

    async def everything(self, user: str) -> Listing:
        """See `Dialect`."""
        items = await self._list({"user_id": user}, user)
        if len(items) < MAX_TOP_K:
            return Listing(items)
        lists = (self._list({"user_id": user, "agent_id": name}, user) for name in PARTITIONS)
        partitions = await asyncio.gather(*lists)
        ours = unique(item for partition in partitions for item in partition)
        both = unique([*items, *ours])
        # What others have put into mem0 lies in no partition of ours; the first call alone can have returned it.
        return Listing(both, len(both) == len(ours) and all(len(partition) < MAX_TOP_K for partition in partitions))

    async def search(self, user: str, query: str, top_k: int) -> list[Item]:
        """See `Dialect`; a threshold above 0 would hide what only shares words with the question."""
        body = {"query": query, "filters": {"user_id": user}, "top_k": top_k, "threshold": 0.0}
        answer = await self._client.send(HttpRequest("POST", "/search", body=body), self._headers)
        return items_of(answer.body, user)

    async def fetch(self, user: str, item_id: str) -> Item | None:  # noqa: ARG002 - of any user
        """See `Dialect`; of an unknown memory the server says `null`."""
        request = HttpRequest("GET", "/memories/{id}", id=item_id, known=MAY_MISS)
        answer = await self._client.send(request, self._headers)
        return None if is_missing(answer) or answer.body is None else item_of(converted(answer.body, Record), "")

    async def remove(self, user: str, item_id: str) -> None:  # noqa: ARG002 - the id says it all
        """See `Dialect`."""
        request = HttpRequest("DELETE", "/memories/{id}", id=quote(item_id, safe=""), writes=True, known=MAY_MISS)
        is_missing(await self._client.send(request, self._headers))

    async def ping(self) -> datetime | None:
        """Ask for a memory that cannot be: there is no cheaper call that needs both key and store."""
        request = HttpRequest("GET", "/memories/{id}", id=NIL, apart=True, known=MAY_MISS)
        answer = await self._client.send(request, self._headers)
        is_missing(answer)  # which some servers say of it, and mem0's own does not
        return answer.moment

    async def _add(self, user: str, text: str, more: dict[str, Any]) -> list[str]:
        body = {"messages": [{"role": "user", "content": text}], "user_id": user, **more}
        answer = await self._client.send(HttpRequest("POST", "/memories", body=body, writes=True), self._headers)
        return [added.id for added in converted(answer.body, _AddedResults, ambiguous=True).results]

    async def _list(self, scope: dict[str, str], user: str) -> list[Item]:
        params: dict[str, str | int] = {**scope, "top_k": MAX_TOP_K}
        answer = await self._client.send(HttpRequest("GET", "/memories", params=params), self._headers)
        return items_of(answer.body, user)


def partition_of(key: str) -> str:
    """Return the partition of the memory with this id: its last hexadecimal digit is as good as chance."""
    return PARTITIONS[int(key[-1], 16)]
