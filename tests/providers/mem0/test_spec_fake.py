"""The server that speaks the specification's dialect does what the specification's own client expects."""

import hashlib
import hmac
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests.support.mem0_memories import Answer
from tests.support.mem0_spec import SpecServer

API_KEY = "key-of-the-service"
SECRET = "shared between the two"


class SpecClient:
    """What SPEC-020, section 3.1 sends; but a user's name is percent-encoded where it stands in a header."""

    def __init__(self, base_url: str, api_key: str | None = API_KEY, hmac_secret: str | None = SECRET) -> None:
        self.http = httpx.AsyncClient(base_url=base_url, timeout=5)
        self._api_key = api_key
        self._hmac_secret = hmac_secret

    def headers(self, user_id: str) -> dict[str, str]:
        """Generate authentication headers."""
        headers = {"Content-Type": "application/json"}
        if self._api_key:
            headers["Authorization"] = f"Bearer {self._api_key}"
        if self._hmac_secret:
            message = f"user:{user_id}"
            headers["X-User-Context"] = quote(user_id)
            headers["X-Signature"] = hmac.new(self._hmac_secret.encode(), message.encode(), hashlib.sha256).hexdigest()
        return headers

    async def remember(self, user_id: str, content: str, metadata: dict[str, Any] | None = None) -> str:
        """Store a memory, and give its id."""
        payload: dict[str, Any] = {"messages": [{"role": "user", "content": content}], "user_id": user_id}
        if metadata:
            payload["metadata"] = metadata
        response = await self.http.post("/v1/memories/", json=payload, headers=self.headers(user_id))
        return str(response.raise_for_status().json()["memory_id"])

    async def recall(self, user_id: str, query: str, limit: int = 10) -> list[dict[str, Any]]:
        """Give the memories that answer a question."""
        payload = {"query": query, "user_id": user_id, "limit": limit}
        response = await self.http.post("/v1/memories/search/", json=payload, headers=self.headers(user_id))
        return list(response.raise_for_status().json()["memories"])

    async def listed(self, user_id: str, **window: int) -> list[dict[str, Any]]:
        """Give a user's memories."""
        query: dict[str, str | int] = {"user_id": user_id, **window}
        response = await self.http.get("/v1/memories/", params=query, headers=self.headers(user_id))
        return list(response.raise_for_status().json()["memories"])

    async def on_one(self, method: str, user_id: str, memory_id: str) -> httpx.Response:
        """GET or DELETE one memory."""
        query = {"user_id": user_id}
        return await self.http.request(
            method, f"/v1/memories/{memory_id}/", params=query, headers=self.headers(user_id)
        )


@pytest.fixture
async def server() -> AsyncIterator[SpecServer]:
    """A server that wants both a key and a signature."""
    async with SpecServer(api_key=API_KEY, hmac_secret=SECRET) as server:
        yield server


@pytest.fixture
async def client(server: SpecServer) -> AsyncIterator[SpecClient]:
    """A client that has both."""
    client = SpecClient(server.base_url)
    async with client.http:
        yield client


@pytest.mark.parametrize("user", ["anna", "அண்ணா", "50% off/+ a&b", "*"])
async def test_what_was_stored_is_read_back_by_its_id(client: SpecClient, user: str) -> None:
    """A memory has the content, the metadata and the owner it was stored with, whatever the owner is called."""
    memory_id = await client.remember(user, "Tea at seven", {"tags": ["tea"], "at": {"hour": 7}})

    record = (await client.on_one("GET", user, memory_id)).json()
    assert (record["id"], record["user_id"], record["content"]) == (memory_id, user, "Tea at seven")
    assert record["metadata"] == {"tags": ["tea"], "at": {"hour": 7}}
    assert record["similarity_score"] is None


async def test_the_best_answer_comes_first(client: SpecClient) -> None:
    """A search returns as many as were asked for, best first, with a score in [0, 1]."""
    for text in ["Trains leave at noon", "Anna drinks tea", "Anna drinks masala tea"]:
        await client.remember("anna", text)

    hits = await client.recall("anna", "masala TEA", limit=2)
    assert [hit["content"] for hit in hits] == ["Anna drinks masala tea", "Anna drinks tea"]
    assert [hit["similarity_score"] for hit in hits] == [1.0, 0.5]


async def test_a_list_returns_the_newest_first_in_windows(client: SpecClient) -> None:
    """`limit` and `offset` cut windows out of one order, the newest first."""
    for number in range(5):
        await client.remember("anna", f"number {number}")

    windows = [await client.listed("anna", limit=2, offset=offset) for offset in (0, 2, 4)]
    contents = [[record["content"] for record in window] for window in windows]
    assert contents == [["number 4", "number 3"], ["number 2", "number 1"], ["number 0"]]


async def test_what_is_deleted_is_gone(client: SpecClient) -> None:
    """The first delete says so, and the second one finds nothing."""
    memory_id = await client.remember("anna", "Tea at seven")

    first = await client.on_one("DELETE", "anna", memory_id)
    second = await client.on_one("DELETE", "anna", memory_id)
    assert (first.status_code, first.json()) == (200, {"deleted": True})
    assert (second.status_code, second.json()) == (404, {"detail": "Memory not found"})
    assert await client.listed("anna") == []


async def test_a_user_sees_only_what_is_theirs(client: SpecClient) -> None:
    """Another user's memory is neither listed, nor found, nor read, nor deleted."""
    memory_id = await client.remember("anna", "Tea at seven")

    assert await client.listed("ravi") == []
    assert await client.recall("ravi", "tea") == []
    assert (await client.on_one("GET", "ravi", memory_id)).status_code == 404
    assert (await client.on_one("DELETE", "ravi", memory_id)).status_code == 404
    assert len(await client.listed("anna")) == 1


async def test_anybody_may_ask_for_health(server: SpecServer) -> None:
    """Health needs no key."""
    async with httpx.AsyncClient(base_url=server.base_url) as http:
        response = await http.get("/health")

    assert (response.status_code, response.json()) == (200, {"status": "ok"})


@pytest.mark.parametrize(
    ("api_key", "secret", "status"),
    [(None, SECRET, 401), ("wrong", SECRET, 401), (API_KEY, None, 403), (API_KEY, "wrong", 403)],
)
async def test_who_cannot_prove_it_is_refused(
    server: SpecServer, api_key: str | None, secret: str | None, status: int
) -> None:
    """A wrong key is 401 and a wrong signature 403, and nothing is stored."""
    client = SpecClient(server.base_url, api_key, secret)
    async with client.http:
        with pytest.raises(httpx.HTTPStatusError) as caught:
            await client.remember("anna", "Tea at seven")

    assert caught.value.response.status_code == status
    assert list(server.memories) == []


async def test_a_signature_is_good_for_one_user(client: SpecClient) -> None:
    """A signature of one user is none for another."""
    response = await client.http.get("/v1/memories/", params={"user_id": "ravi"}, headers=client.headers("anna"))

    assert response.status_code == 403


@pytest.mark.parametrize("query", [{}, {"user_id": "anna", "limit": "1001"}, {"user_id": "anna", "offset": "-1"}])
async def test_what_is_not_of_the_form_is_refused(client: SpecClient, query: dict[str, str]) -> None:
    """A list without a user, or beyond the limits, is 422 and says why."""
    response = await client.http.get("/v1/memories/", params=query, headers=client.headers("anna"))

    assert response.status_code == 422
    assert isinstance(response.json()["detail"], str)


async def test_without_secrets_nothing_is_asked_for() -> None:
    """A server without key and secret serves clients that have neither."""
    async with SpecServer() as server:
        client = SpecClient(server.base_url, None, None)
        async with client.http:
            assert await client.remember("anna", "Tea at seven")


async def test_it_answers_as_a_test_wants(server: SpecServer, client: SpecClient) -> None:
    """An answer given to it is said once, in place of what was asked for."""
    server.say_next(Answer(503, {"detail": "busy"}, {"retry-after": "3"}))

    refused = await client.http.get("/health")
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "3")
    assert (await client.http.get("/health")).status_code == 200
