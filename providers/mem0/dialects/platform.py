"""mem0's managed API, version 3.

Ids stand at the top of what is added, and only inside `filters` of what is asked. Whether a filter on `user_id` alone
covers memories that have a `run_id` has changed over time, so that both are asked for.
"""

import asyncio
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct

from observability.secret import Secret
from providers.errors import TimedOut, Unavailable
from providers.mem0.client import HttpClient, HttpRequest
from providers.mem0.dialects.answers import MAY_MISS, Added, Record, Results, is_missing, item_of, items_of
from providers.mem0.dialects.base import MAX_FRESH_STARTS, Dialect
from providers.mem0.item import Item, Listing, converted, unique

MAX_PAGE_SIZE = 200
MAX_PAGES = 500
MAX_TOP_K = 1_000
# Seconds; a guess on the safe side, because the managed service could not be measured. It puts some work off, and does
# not say for how long.
UNMEASURED_STALENESS = 5.0
_EVENT_TRIES = 40
_EVENT_PAUSE = 0.25  # seconds between two looks at work that mem0 has put off
_SUCCEEDED, _FAILED = "SUCCEEDED", "FAILED"


class _Receipt(Struct):
    results: list[Added] | None = None
    event_id: str | None = None
    status: str = _SUCCEEDED


class PlatformDialect(Dialect):
    """Speak to the managed service, with a key as `Token`."""

    name: ClassVar[str] = "platform"

    @property
    def staleness(self) -> float:
        """See `Dialect`."""
        return UNMEASURED_STALENESS

    def __init__(self, client: HttpClient, api_key: Secret | None, max_pages: int = MAX_PAGES) -> None:
        self._client = client
        self._max_pages = max_pages
        self._headers = {} if api_key is None else {"authorization": f"Token {api_key.reveal()}"}

    async def add(self, user: str, key: str, text: str, metadata: dict[str, Any]) -> list[str]:
        """See `Dialect`."""
        return await self._add(user, text, {"run_id": key, "metadata": metadata, "infer": False})

    async def infer(self, user: str, text: str, metadata: dict[str, Any] | None) -> list[str]:
        """See `Dialect`."""
        return await self._add(user, text, {"metadata": metadata or {}, "infer": True})

    async def find(self, users: Sequence[str], key: str) -> list[Item]:
        """See `Dialect`."""
        filters = {"AND": [{"run_id": key}, {"OR": [{"user_id": user} for user in users]}]}
        return (await self._list(filters, "")).items

    async def everything(self, user: str) -> Listing:
        """See `Dialect`."""
        return await self._list(_all_of(user), user)

    async def search(self, user: str, query: str, top_k: int) -> list[Item]:
        """See `Dialect`."""
        body = {"query": query, "filters": _all_of(user), "top_k": min(top_k, MAX_TOP_K), "threshold": 0.0}
        answer = await self._client.send(HttpRequest("POST", "/v3/memories/search/", body=body), self._headers)
        return unique(items_of(answer.body, user))

    async def fetch(self, user: str, item_id: str) -> Item | None:  # noqa: ARG002 - of any user
        """See `Dialect`."""
        request = HttpRequest("GET", "/v1/memories/{id}/", id=item_id, known=MAY_MISS)
        answer = await self._client.send(request, self._headers)
        return None if is_missing(answer) else item_of(converted(answer.body, Record), "")

    async def remove(self, user: str, item_id: str) -> None:  # noqa: ARG002 - the id says it all
        """See `Dialect`."""
        request = HttpRequest("DELETE", "/v1/memories/{id}/", id=quote(item_id, safe=""), writes=True, known=MAY_MISS)
        is_missing(await self._client.send(request, self._headers))

    async def ping(self) -> datetime | None:
        """Ask whom the key belongs to."""
        return (await self._client.send(HttpRequest("GET", "/v1/ping/", apart=True), self._headers)).moment

    async def _add(self, user: str, text: str, more: dict[str, Any]) -> list[str]:
        body = {"messages": [{"role": "user", "content": text}], "user_id": user, **more}
        request = HttpRequest("POST", "/v3/memories/add/", body=body, writes=True)
        answer = await self._client.send(request, self._headers)
        if isinstance(answer.body, list):
            return [added.id for added in converted(answer.body, list[Added], ambiguous=True)]
        receipt = converted(answer.body, _Receipt, ambiguous=True)
        if receipt.event_id is not None and not receipt.results:
            receipt = await self._outcome(receipt.event_id)
        if receipt.results is None:
            raise Unavailable("mem0 does not say what it has stored", ambiguous=True)
        return [added.id for added in receipt.results]

    async def _outcome(self, event_id: str) -> _Receipt:
        """Wait for work that mem0 has put off."""
        for _ in range(_EVENT_TRIES):
            try:
                answer = await self._client.send(HttpRequest("GET", "/v1/event/{id}/", id=event_id), self._headers)
            except Unavailable as error:
                error.ambiguous = True  # the look failed, not what is looked for
                raise
            event = converted(answer.body, _Receipt, ambiguous=True)
            if event.status == _SUCCEEDED:
                return event
            if event.status == _FAILED:
                raise Unavailable("mem0 could not do what it had put off")
            await asyncio.sleep(_EVENT_PAUSE)
        raise TimedOut("mem0 has put the write off, and is not done", ambiguous=True)

    async def _list(self, filters: dict[str, Any], user: str) -> Listing:
        items: list[Item] = []
        page, count, fresh_starts, whole = 1, 0, 0, True
        for _ in range(self._max_pages):
            results = await self._page(filters, page)
            if results is None or (results.count is not None and results.count < count):
                if fresh_starts < MAX_FRESH_STARTS:
                    items, page, count, fresh_starts = [], 1, 0, fresh_starts + 1
                    continue
                whole = False
            if results is None:
                return Listing(unique(items), whole)
            items += (item_of(record, user) for record in results.results)
            if results.next is None:
                return Listing(unique(items), whole)
            page, count = page + 1, results.count or 0
        return Listing(unique(items), whole=False)

    async def _page(self, filters: dict[str, Any], page: int) -> Results | None:
        """Ask for one page; None if what stood on it was deleted since the last one."""
        params: dict[str, str | int] = {"page": page, "page_size": MAX_PAGE_SIZE}
        known = MAY_MISS if page > 1 else frozenset()
        request = HttpRequest("POST", "/v3/memories/", params=params, body={"filters": filters}, known=known)
        answer = await self._client.send(request, self._headers)
        return None if is_missing(answer) else converted(answer.body, Results)


def _all_of(user: str) -> dict[str, Any]:
    return {"OR": [{"user_id": user}, {"AND": [{"user_id": user}, {"run_id": "*"}]}]}
