"""Finding out which dialect a server speaks."""

import asyncio

import pytest
from structlog.testing import capture_logs

from observability.secret import Secret
from providers.errors import Misconfigured, Throttled, TimedOut, Unavailable, Unreachable
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.mem0 import DIALECTS, KEY, SERVERS, opened


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_each_dialect_is_found_and_logged_once(dialect: str) -> None:
    """The first call finds the dialect, the log says so once, and every later call speaks it."""
    async with SERVERS[dialect]() as server, opened(server.base_url, "auto") as provider:
        with capture_logs() as logs:
            memory_id = await provider.remember("anna", "tea")
            probes = len(server.requests)
            found = await provider.get("anna", memory_id)
            listed = await provider.list_memories("anna")

        assert [record.content for record in (found, *listed)] == ["tea", "tea"]
        said = [line for line in logs if line["event"] == "mem0_dialect_found"]
        assert [(line["provider"], line["dialect"]) for line in said] == [("mem0", dialect)]
        assert not [one for one in server.requests[probes:] if one.path in {"/health", "/v1/ping/"}]


async def test_many_who_come_first_ask_once() -> None:
    """Calls that come while the dialect is sought wait for it."""
    async with SERVERS["platform"]() as server, opened(server.base_url, "auto") as provider:
        await asyncio.gather(*(provider.list_memories(f"user-{number}") for number in range(5)))

        assert [one.path for one in server.requests].count("/v1/ping/") == 1


@pytest.mark.parametrize(
    ("behaviour", "status", "kind"),
    [
        (Behaviour.DOWN, 0, Unreachable),
        (Behaviour.RESET, 0, Unavailable),
        (Behaviour.STATUS, 502, Unavailable),
        (Behaviour.STATUS, 429, Throttled),
        (Behaviour.HANG, 0, TimedOut),
    ],
)
async def test_a_server_that_is_down_is_found_later(behaviour: Behaviour, status: int, kind: type[Unavailable]) -> None:
    """A server that does not answer yet decides nothing: the same provider finds the dialect when it can."""
    async with (
        SERVERS["oss"]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, "auto", timeout=0.5) as provider,
    ):
        await fickle.become(behaviour, status=status)
        with pytest.raises(Unavailable) as caught:
            await provider.list_memories("anna")
        await fickle.become(Behaviour.OK)

        assert type(caught.value) is kind
        assert await provider.list_memories("anna") == []


async def test_where_no_dialect_is_spoken_each_refusal_is_quoted() -> None:
    """A server that speaks no dialect is the operator's to look at: the error quotes the answer to each dialect."""
    async with FickleHttp("http://127.0.0.1:9") as fickle, opened(fickle.base_url, "auto") as provider:
        await fickle.become(Behaviour.STATUS, status=404, body=b"<html>Welcome</html>")
        with pytest.raises(Misconfigured) as caught:
            await provider.list_memories("anna")

        assert len(fickle.requests) == 3
        said = str(caught.value)
        assert all(f"{dialect}: no mem0 answers there (HTTP 404)" in said for dialect in DIALECTS)
        assert KEY not in said


@pytest.mark.parametrize("dialect", ["oss", "platform"])
async def test_a_wrong_key_is_named_as_the_reason(dialect: str) -> None:
    """The dialect that would be right if the key were is among the reasons, and nothing is decided."""
    async with SERVERS[dialect]() as server, opened(server.base_url, "auto", api_key=Secret("other")) as provider:
        with pytest.raises(Misconfigured, match=rf"{dialect}: mem0 refuses the key \(HTTP 401\)"):
            await provider.list_memories("anna")
