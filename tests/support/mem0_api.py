"""A client of the routes that this service has of mem0's API, without any package of mem0's."""

from typing import Any

import httpx

Answer = dict[str, Any]


class Mem0Api:
    """Send requests as mem0's clients do, for one user."""

    def __init__(self, http: httpx.AsyncClient, user: str, key: str = "any") -> None:
        self.http, self.user = http, user
        self._headers = {"Authorization": f"Token {key}"}

    async def send(self, method: str, path: str, **sent: Any) -> httpx.Response:  # noqa: ANN401 - what httpx takes
        """Send anything."""
        headers = {**self._headers, **sent.pop("headers", {})}
        return await self.http.request(method, path, headers=headers, **sent)

    async def add(self, *texts: str, **more: object) -> httpx.Response:
        """Store texts, each as a message of the user's."""
        messages = [{"role": "user", "content": text} for text in texts]
        return await self.send("POST", "/v3/memories/add/", json={"messages": messages, "user_id": self.user, **more})

    async def added(self, text: str, **more: object) -> str:
        """Store one text, and return its id."""
        response = await self.add(text, **more)
        assert response.status_code == 200, response.text
        [result] = response.json()["results"]
        memory_id: str = result["id"]
        return memory_id

    async def search(self, query: str, filters: Answer | None = None, **more: object) -> httpx.Response:
        """Ask a question, with these conditions beside the user."""
        body = {"query": query, "filters": {"AND": [{"user_id": self.user}, filters or {}]}, **more}
        return await self.send("POST", "/v3/memories/search/", json=body)

    async def found(self, query: str, filters: Answer | None = None, **more: object) -> list[str]:
        """Ask a question, and return the texts of the answers."""
        response = await self.search(query, filters, **more)
        assert response.status_code == 200, response.text
        return [memory["memory"] for memory in response.json()["results"]]

    async def page(self, filters: Answer | None = None, **params: str | int) -> Answer:
        """Return a page of the list, with these conditions beside the user."""
        body = {"filters": {"AND": [{"user_id": self.user}, filters or {}]}}
        response = await self.send("POST", "/v3/memories/", json=body, params=params)
        assert response.status_code == 200, response.text
        page: Answer = response.json()
        return page

    async def texts(self, filters: Answer | None = None) -> list[str]:
        """Return the texts of the first page of the list."""
        return [memory["memory"] for memory in (await self.page(filters))["results"]]


def error_in(response: httpx.Response) -> str:
    """Return the detail of a refusal, after checking what holds for all of them."""
    assert response.headers["content-type"] == "application/json", response.text
    error = response.json()
    assert error["type"].startswith("urn:ninai:problem:")
    assert error["request_id"] == response.headers["x-request-id"]
    detail: str = error["detail"]
    return detail
