"""Users of two tenants who are called the same never meet, whatever protocol they come by."""

from collections.abc import AsyncIterator

import pytest_asyncio
from litestar import Litestar

from app.auth.keys import hash_key, new_key
from tests.support.api import Api, asgi_client, field_in, fresh_user, running_app
from tests.support.mcp import connected, said
from tests.support.mem0_api import Mem0Api

KEYS = {tenant: new_key(tenant) for tenant in ("acme", "umbrella")}


def environment(*, enabled: bool) -> dict[str, str]:
    """Return the variables of a service with a key for each tenant."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__AUTH__MODE": "api_key"}
    environ["NINAI__TENANTS__ENABLED"] = str(enabled).lower()
    for tenant, key in KEYS.items():
        at = f"NINAI__AUTH__KEYS__{tenant.upper()}__"
        environ |= {f"{at}HASH": hash_key(key), f"{at}TENANT": tenant}
    return environ


@pytest_asyncio.fixture(scope="module")
async def app() -> AsyncIterator[Litestar]:
    """An application that serves both tenants."""
    async with running_app(environment(enabled=True)) as opened:
        yield opened


async def test_users_do_not_meet_over_mcp(app: Litestar) -> None:
    """Neither by a question nor by a list nor by an id."""
    path = f"/mcp/u/{fresh_user()}"
    async with connected(app, path, X_API_Key=KEYS["acme"]) as client:
        added = (await client.call_tool("add_memory", {"content": "tea"})).structured_content
        own = (await client.call_tool("list_memories", {})).structured_content
    async with connected(app, path, X_API_Key=KEYS["umbrella"]) as client:
        found = (await client.call_tool("search_memories", {"query": "tea"})).structured_content
        listed = (await client.call_tool("list_memories", {})).structured_content
        refused = [
            said(await client.call_tool(tool, {"memory_id": added["memory_id"], **more}))
            for tool, more in (("get_memory", {}), ("update_memory", {"content": "x"}), ("delete_memory", {}))
        ]
        resources = (await client.list_resources()).resources

    assert [(one["content"], one["tenant"]) for one in own["memories"]] == [("tea", "acme")]
    assert (found["count"], listed["count"], resources) == (0, 0, [])
    assert all(one.startswith("There is no such memory") for one in refused)


async def test_users_do_not_meet_in_their_feeds(app: Litestar) -> None:
    """A cursor belongs to a tenant as well."""
    user = fresh_user()
    async with asgi_client(app) as http:
        acme, umbrella = (Api(http, user, {"X-API-Key": KEYS[tenant]}) for tenant in ("acme", "umbrella"))
        await acme.stored("tea")
        mine = (await acme.request("GET", "/memory/changes")).json()
        theirs = (await umbrella.request("GET", "/memory/changes")).json()
        refused = await umbrella.request("GET", "/memory/changes", params={"after": mine["next"]})

    assert (len(mine["changes"]), theirs["changes"]) == (1, [])
    assert (refused.status_code, field_in(refused)) == (422, "after")


async def test_users_do_not_meet_over_mem0(app: Litestar) -> None:
    """Also an id that names memory and user leads into the tenant of the key alone; nor does a deletion of all."""
    user = fresh_user()
    async with asgi_client(app) as http:
        acme, umbrella = (Mem0Api(http, user, KEYS[tenant]) for tenant in ("acme", "umbrella"))
        memory_id = await acme.added("tea", agent_id="a")
        found, listed = await umbrella.found("tea"), await umbrella.texts()
        statuses = [
            (await umbrella.send(method, f"/v1/memories/{memory_id}/", json={"text": "x"})).status_code
            for method in ("GET", "PUT", "DELETE")
        ]
        everything = await umbrella.send("DELETE", f"/v1/memories/?user_id={user}")
        of_the_agent = await umbrella.send("DELETE", f"/v1/memories/?user_id={user}&agent_id=a")
        left = await acme.texts()

    assert (found, listed, statuses) == ([], [], [404, 404, 404])
    assert {one.json()["message"] for one in (everything, of_the_agent)} == {"0 memories deleted"}
    assert left == ["tea"]


async def test_agents_that_stand_for_users_do_not_meet(app: Litestar) -> None:
    """The user that is made of a name belongs to the tenant as any other."""
    agent = fresh_user()
    async with asgi_client(app) as http:
        acme, umbrella = (Mem0Api(http, "", KEYS[tenant]) for tenant in ("acme", "umbrella"))
        await acme.send("POST", "/v3/memories/add/", json={"messages": "tea", "agent_id": agent})
        pages = [
            (await api.send("POST", "/v3/memories/", json={"filters": {"agent_id": agent}})).json()
            for api in (acme, umbrella)
        ]

    assert [page["count"] for page in pages] == [1, 0]


async def test_a_tenant_that_is_not_served_is_refused() -> None:
    """By both protocols, as by the API."""
    async with running_app(environment(enabled=False)) as app, asgi_client(app) as http:
        headers = {"X-API-Key": KEYS["acme"], "X-User-ID": "alice", "Accept": "application/json, text/event-stream"}
        message = {"jsonrpc": "2.0", "id": 1, "method": "tools/list"}
        responses = [
            await http.post("/mcp", headers=headers, json=message),
            await http.get("/v1/memories/?user_id=alice", headers=headers),
        ]

    assert [response.status_code for response in responses] == [403, 403]
    assert all("tenants are not enabled" in response.text for response in responses)
