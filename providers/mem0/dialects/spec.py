"""The API that SPEC-020 describes, with what it leaves open filled in after its own manner.

The specification has `POST /v1/memories/`, `POST /v1/memories/search/` and `GET /health`. To list, to look at and to
delete memories there are beside them `GET /v1/memories/?user_id=&limit=&offset=`, newest first, and `GET` and `DELETE`
of `/v1/memories/{id}/?user_id=`. Header values are ASCII: a user's name is percent-encoded in `X-User-Context`.
"""

import hashlib
import hmac
from collections.abc import Sequence
from datetime import datetime
from typing import Any, ClassVar
from urllib.parse import quote

from msgspec import Struct

from observability.secret import Secret
from providers.errors import Misconfigured
from providers.mem0.client import HttpClient, HttpRequest
from providers.mem0.codec import key_of
from providers.mem0.dialects.answers import MAY_MISS, SpecRecord, is_missing, item_of
from providers.mem0.dialects.base import MAX_FRESH_STARTS, Dialect
from providers.mem0.item import Item, Listing, converted, unique

PAGE_SIZE = 1_000
MAX_PAGES = 100
MAX_LIMIT = 1_000

# Of each page, how many memories the next one is to begin with: as long as one of them does stand there, nothing that
# came after them was passed over, whatever was stored or deleted meanwhile.
OVERLAP = 10

_HEADER_SAFE = "!#$&'()*+,/:;=?@[]-._~ "


class _AddedMemory(Struct):
    memory_id: str


class _Memories(Struct):
    memories: list[SpecRecord]


class SpecDialect(Dialect):
    """Speak as the specification does; with an HMAC secret every request is signed for its user."""

    name: ClassVar[str] = "spec"

    def __init__(
        self, client: HttpClient, api_key: Secret | None, hmac_secret: Secret | None, max_pages: int = MAX_PAGES
    ) -> None:
        self._client, self._max_pages = client, max_pages
        self._api_key, self._hmac_secret = api_key, hmac_secret

    async def add(self, user: str, key: str, text: str, metadata: dict[str, Any]) -> list[str]:  # noqa: ARG002 - the key stands in the metadata
        """See `Dialect`."""
        body = {"messages": [{"role": "user", "content": text}], "user_id": user, "metadata": metadata}
        request = HttpRequest("POST", "/v1/memories/", body=body, writes=True)
        answer = await self._client.send(request, self._signed(user))
        return [converted(answer.body, _AddedMemory, ambiguous=True).memory_id]

    async def infer(self, user: str, text: str, metadata: dict[str, Any] | None) -> list[str]:  # noqa: ARG002 - refused
        """Refuse: the specification stores what it is given."""
        raise Misconfigured("infer is not for the dialect spec")

    async def find(self, users: Sequence[str], key: str) -> list[Item]:
        """See `Dialect`; the specification finds nothing by a key, so that everything of the user is read."""
        return [item for user in users for item in (await self.everything(user)).items if key_of(item) == key]

    async def everything(self, user: str) -> Listing:
        """See `Dialect`."""
        items: list[Item] = []
        offset, fresh_starts, whole = 0, 0, True
        for _ in range(self._max_pages):
            page = await self._page(user, offset)
            if items and {item.id for item in items[-OVERLAP:]}.isdisjoint(item.id for item in page):
                if fresh_starts < MAX_FRESH_STARTS:
                    items, offset, fresh_starts = [], 0, fresh_starts + 1
                    continue
                whole = False
            items += page
            if len(page) < PAGE_SIZE:
                return Listing(unique(items), whole)
            offset += PAGE_SIZE - OVERLAP
        return Listing(unique(items), whole=False)

    async def search(self, user: str, query: str, top_k: int) -> list[Item]:
        """See `Dialect`."""
        body = {"query": query, "user_id": user, "limit": min(top_k, MAX_LIMIT)}
        answer = await self._client.send(HttpRequest("POST", "/v1/memories/search/", body=body), self._signed(user))
        return [item_of(memory, user) for memory in converted(answer.body, _Memories).memories]

    async def fetch(self, user: str, item_id: str) -> Item | None:
        """See `Dialect`."""
        request = HttpRequest("GET", "/v1/memories/{id}/", id=item_id, params={"user_id": user}, known=MAY_MISS)
        answer = await self._client.send(request, self._signed(user))
        return None if is_missing(answer) else item_of(converted(answer.body, SpecRecord), user)

    async def remove(self, user: str, item_id: str) -> None:
        """See `Dialect`."""
        place, params = quote(item_id, safe=""), {"user_id": user}
        request = HttpRequest("DELETE", "/v1/memories/{id}/", place, params=params, writes=True, known=MAY_MISS)
        is_missing(await self._client.send(request, self._signed(user)))

    async def ping(self) -> datetime | None:
        """Ask for the service's health, as the specification does."""
        return (await self._client.send(HttpRequest("GET", "/health", apart=True))).moment

    async def _page(self, user: str, offset: int) -> list[Item]:
        params: dict[str, str | int] = {"user_id": user, "limit": PAGE_SIZE, "offset": offset}
        answer = await self._client.send(HttpRequest("GET", "/v1/memories/", params=params), self._signed(user))
        return [item_of(memory, user) for memory in converted(answer.body, _Memories).memories]

    def _signed(self, user: str) -> dict[str, str]:
        headers = {}
        if self._api_key is not None:
            headers["authorization"] = f"Bearer {self._api_key.reveal()}"
        if self._hmac_secret is not None:
            signature = hmac.new(self._hmac_secret.reveal().encode(), f"user:{user}".encode(), hashlib.sha256)
            headers["x-user-context"] = quote(user, safe=_HEADER_SAFE)
            headers["x-signature"] = signature.hexdigest()
        return headers
