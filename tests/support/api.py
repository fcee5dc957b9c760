"""The HTTP API inside this process: a running application, and clients that speak to it as one user each."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any
from uuid import uuid4

import httpx
from litestar import Litestar
from prometheus_client import CollectorRegistry

from app.main import create_app
from app.settings import load
from tests.support.patience import patient

BASE_URL = "http://127.0.0.1"
JSON = {"Content-Type": "application/json"}
PROBLEM = "application/problem+json"
AT_ONCE = 0.0  # seconds for which nothing is shared
ABSENT_ID = "018f0000-0000-7000-8000-000000000000"


@asynccontextmanager
async def running_app(environ: Mapping[str, str], shared_seconds: float = AT_ONCE) -> AsyncIterator[Litestar]:
    """Yield an application with data of its own and these settings alone, but more patient.

    What it tells of itself is found out anew for every question, since a test asks right after it has done something.
    """
    with TemporaryDirectory() as folder:
        settings = load(None, environ={"NINAI__DATA_DIR": folder, **environ}).settings
        app = create_app(patient(settings), CollectorRegistry(), shared_seconds=shared_seconds)
        async with served(app):
            yield app


@asynccontextmanager
async def served(app: Litestar) -> AsyncIterator[None]:
    """Keep an application's lifespan in one task, as it must be; a fixture begins and ends in different ones."""
    opened, closing = asyncio.Event(), asyncio.Event()

    async def live() -> None:
        async with app.lifespan():
            opened.set()
            await closing.wait()

    life = asyncio.create_task(live())
    opening = asyncio.create_task(opened.wait())
    await asyncio.wait((life, opening), return_when=asyncio.FIRST_COMPLETED)
    opening.cancel()
    try:
        if not life.done():
            yield
    finally:
        closing.set()
        await life


def asgi_client(app: Litestar) -> httpx.AsyncClient:
    """Return a client that calls the application itself; what the application lets out is raised here."""
    transport = httpx.ASGITransport(app)  # type: ignore[arg-type] # the framework's own names for ASGI's open types
    return httpx.AsyncClient(transport=transport, base_url=BASE_URL)


def fresh_user() -> str:
    """Return a user nobody has used before."""
    return f"user-{uuid4()}"


def problem_in(response: httpx.Response) -> dict[str, Any]:
    """Return the problem of a response, after checking what holds for all of them."""
    assert response.headers["content-type"] == PROBLEM, response.text
    problem: dict[str, Any] = response.json()
    assert problem["status"] == response.status_code
    assert problem["request_id"] == response.headers["x-request-id"]
    assert problem["type"].startswith("urn:ninai:problem:")
    assert problem["title"]
    assert problem["detail"]
    return problem


def field_in(response: httpx.Response) -> str:
    """Return the one field that the problem of a response names."""
    [error] = problem_in(response)["errors"]
    assert error["detail"]
    field: str = error["field"]
    return field


class Api:
    """A client of one user; every method makes one request and returns the response."""

    def __init__(self, http: httpx.AsyncClient, user: str, headers: Mapping[str, str] | None = None) -> None:
        self.http = http
        self.user = user
        self._headers = {"X-User-ID": user, **(headers or {})}

    def stranger(self) -> "Api":
        """Return another user of the same service."""
        return Api(self.http, fresh_user())

    async def request(self, method: str, path: str, *, key: str | None = None, **sent: Any) -> httpx.Response:  # noqa: ANN401 - what httpx takes
        """Send anything as this user, with an `Idempotency-Key` if one is given."""
        headers = {**self._headers, **sent.pop("headers", {})}
        if key is not None:
            headers["Idempotency-Key"] = key
        return await self.http.request(method, path, headers=headers, **sent)

    async def send(self, method: str, path: str, body: bytes) -> httpx.Response:
        """Send bytes that claim to be JSON."""
        return await self.request(method, path, content=body, headers=JSON)

    async def remember(
        self, content: str, metadata: Mapping[str, Any] | None = None, *, key: str | None = None
    ) -> httpx.Response:
        """Store a memory."""
        body = {"content": content} if metadata is None else {"content": content, "metadata": metadata}
        return await self.request("POST", "/memory/remember", key=key, json=body)

    async def stored(self, content: str, metadata: Mapping[str, Any] | None = None) -> str:
        """Store a memory and return its id."""
        response = await self.remember(content, metadata)
        assert response.status_code == 200, response.text
        memory_id: str = response.json()["memory_id"]
        return memory_id

    async def remember_batch(self, *contents: str, key: str | None = None) -> httpx.Response:
        """Store many memories."""
        body = {"memories": [{"content": content} for content in contents]}
        return await self.request("POST", "/memory/remember/batch", key=key, json=body)

    async def recall(self, query: str, **rest: object) -> httpx.Response:
        """Ask a question."""
        return await self.request("POST", "/memory/recall", json={"query": query, **rest})

    async def recalled(self, query: str, **rest: object) -> list[str]:
        """Ask a question and return the contents of the answers, best first."""
        response = await self.recall(query, **rest)
        assert response.status_code == 200, response.text
        return [memory["content"] for memory in response.json()["memories"]]

    async def page(self, **params: str | int) -> httpx.Response:
        """Return one page of the list."""
        return await self.request("GET", "/memory/memories", params=params)

    async def contents(self) -> list[str]:
        """Return the contents of the newest hundred memories."""
        response = await self.page()
        assert response.status_code == 200, response.text
        return [memory["content"] for memory in response.json()["memories"]]

    async def get(self, memory_id: str) -> httpx.Response:
        """Get one memory."""
        return await self.request("GET", f"/memory/memories/{memory_id}")

    async def update(self, memory_id: str, *, key: str | None = None, **fields: object) -> httpx.Response:
        """Change one memory."""
        return await self.request("PATCH", f"/memory/memories/{memory_id}", key=key, json=fields)

    async def delete(self, memory_id: str, *, key: str | None = None) -> httpx.Response:
        """Delete one memory."""
        return await self.request("DELETE", f"/memory/memories/{memory_id}", key=key)
