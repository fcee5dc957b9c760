"""`ninai mcp` as a client starts it: over a running service, which may go and come back."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from mcp.shared.exceptions import MCPError

from app.auth.keys import hash_key, new_key
from tests.support.mcp import MODES, said, started
from tests.support.service import Service, ninai, running_service

KEY = new_key("free")
NOBODY = "http://127.0.0.1:9"  # the port of the discard service, where nobody listens


@pytest.fixture(scope="module")
def service(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with keys, over memory alone."""
    variables = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__AUTH__MODE": "api_key",
        "NINAI__AUTH__KEYS__FREE__HASH": hash_key(KEY),
    }
    with running_service(tmp_path_factory.mktemp("mcp"), variables) as running:
        yield running


@pytest.mark.parametrize(
    "mode", [pytest.param(mode, marks=pytest.mark.thorough if mode == "auto" else pytest.mark.soak) for mode in MODES]
)
async def test_tools_work_over_the_standard_streams(service: Service, mode: str) -> None:
    """With the key of a variable, for the user of an option, in each mode of the client."""
    async with started("--url", service.url, "--user", f"bob/{mode}", mode=mode, NINAI_API_KEY=KEY) as client:
        tools = await client.list_tools()
        added = await client.call_tool("add_memory", {"content": "Bob likes tea"})
        found = await client.call_tool("search_memories", {"query": "tea"})
        refused = await client.call_tool("get_memory", {"memory_id": "1"})
        [resource] = (await client.list_resources()).resources
        read = await client.read_resource(resource.uri)
        prompts = await client.list_prompts()
        with pytest.raises(MCPError, match="Unknown tool"):
            await client.call_tool("forget_everything", {})

    assert len(tools.tools) == 6
    memory_id = added.structured_content["memory_id"]
    assert [(one["id"], one["user_id"]) for one in found.structured_content["memories"]] == [(memory_id, f"bob/{mode}")]
    assert (refused.is_error, "must be a UUID" in said(refused)) == (True, True)
    assert resource.uri == read.contents[0].uri == f"memory://{memory_id}"
    assert [one.name for one in prompts.prompts] == ["use_memory"]


@pytest.mark.soak
async def test_a_missing_key_is_said(service: Service, tmp_path: Path) -> None:
    """The words of the service reach the client; a key in a file does as well as a variable."""
    key_file = tmp_path / "key"
    key_file.write_text(KEY)
    async with started("--url", service.url, "--user", "bob") as client:
        with pytest.raises(MCPError, match="Send an API key"):
            await client.list_tools()
    async with started("--url", service.url, "--user", "bob", "--key-file", str(key_file)) as client:
        tools = await client.list_tools()

    assert len(tools.tools) == 6


@pytest.mark.thorough
async def test_a_service_that_is_away_is_no_end() -> None:
    """Each request says that nobody answers, and the next one is tried again."""
    async with started("--url", NOBODY) as client:
        for _ in range(2):
            with pytest.raises(MCPError, match="is the service running"):
                await client.call_tool("list_memories", {})


@pytest.mark.soak
async def test_a_service_may_be_restarted_meanwhile(tmp_path: Path) -> None:
    """The bridge goes on by itself."""
    with running_service(tmp_path, {"MEMORY_PROVIDER": "mock"}) as service:
        port = int(service.url.rpartition(":")[2])
        async with started("--url", service.url) as client:
            before = await client.call_tool("list_memories", {})
            await asyncio.to_thread(service.terminate)
            with pytest.raises(MCPError, match="is the service running"):
                await client.call_tool("list_memories", {})
            await asyncio.to_thread(service.start, port)
            after = await client.call_tool("list_memories", {})

    assert before.structured_content == after.structured_content


@pytest.mark.thorough
def test_a_key_that_no_header_carries_is_refused() -> None:
    """The message does not show it."""
    ended = ninai("mcp", NINAI_API_KEY="schlüssel")

    assert ended.returncode == 1
    assert "expected printable ASCII" in ended.stderr
    assert "schl" not in ended.stderr
