"""A model searches the memories of those who share them with its user, and nobody else's."""

from collections.abc import AsyncIterator

import pytest
import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key, new_key
from tests.support.api import Api, asgi_client, running_app
from tests.support.mcp import connected, said

KEYS = {name: new_key(name) for name in ("anna", "teams", "all")}


@pytest_asyncio.fixture
async def app() -> AsyncIterator[Litestar]:
    """An application with a team's memory, and keys: one reads the team, one writes for two, one speaks for all."""
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__ANNA__HASH": hash_key(KEYS["anna"]),
        "NINAI__AUTH__KEYS__ANNA__USER": "anna",
        "NINAI__AUTH__KEYS__ANNA__READS": "team:sales",
        "NINAI__AUTH__KEYS__TEAMS__HASH": hash_key(KEYS["teams"]),
        "NINAI__AUTH__KEYS__TEAMS__USERS": "team:sales,team:works",
        "NINAI__AUTH__KEYS__ALL__HASH": hash_key(KEYS["all"]),
    }
    async with running_app(environ) as opened, asgi_client(opened) as http:
        for user in ("team:sales", "anna", "bob"):
            await Api(http, user, {"X-API-Key": KEYS["all"]}).stored(f"the offsite as {user} knows it")
        yield opened


async def test_a_search_names_owners(app: Litestar) -> None:
    """It is one answer, in which each memory and each line of a text names its owner."""
    both = {"query": "offsite", "owners": ["anna", "team:sales"]}
    async with connected(app, X_API_Key=KEYS["anna"]) as client:
        own = await client.call_tool("search_memories", {"query": "offsite"})
        found = await client.call_tool("search_memories", both)
        told = await client.call_tool("search_memories", {**both, "format": "text"})

    assert [one["user_id"] for one in own.structured_content["memories"]] == ["anna"]
    assert {one["user_id"] for one in found.structured_content["memories"]} == {"anna", "team:sales"}
    assert all(f"({owner}): the offsite" in told.structured_content["text"] for owner in ("anna", "team:sales"))


@pytest.mark.parametrize(
    ("key", "path", "owner"),
    [
        ("anna", "/mcp", "bob"),
        ("teams", "/mcp/u/team:sales", "team:works"),
        ("all", "/mcp/u/anna", "bob"),
        ("all", "/mcp/u/anna", "team:sales"),
    ],
)
async def test_nobody_elses_memories_are_searched(app: Litestar, key: str, path: str, owner: str) -> None:
    """Also where the key would allow it: the connection is for one user, whoever is named by a model."""
    async with connected(app, path, X_API_Key=KEYS[key]) as client:
        refused = await client.call_tool("search_memories", {"query": "offsite", "owners": [owner]})
        twice = await client.call_tool("search_memories", {"query": "offsite", "owners": ["anna", "anna"]})

    assert refused.is_error
    assert "This connection does not speak for this user" in said(refused)
    assert "offsite as" not in said(refused)
    assert "must be different owners" in said(twice)


@pytest.mark.parametrize(
    ("key", "path", "named"),
    [("anna", "/mcp", ["anna", "team:sales"]), ("teams", "/mcp/u/team:sales", None), ("all", "/mcp/u/anna", None)],
)
async def test_a_model_is_told_whom_it_may_name(app: Litestar, key: str, path: str, named: list[str] | None) -> None:
    """The schema of the tool lists the owners, and has no such argument where there are none."""
    async with connected(app, path, X_API_Key=KEYS[key]) as client:
        [search] = [tool for tool in (await client.list_tools()).tools if tool.name == "search_memories"]

    argument = search.input_schema["properties"].get("owners")
    assert (argument and argument["items"]["enum"]) == named
