"""Which servers and indexes are refused, and what a server's refusals, silences and half answers mean."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec.structs import replace

from observability.secret import Secret
from providers.base import MemoryProvider
from providers.errors import Misconfigured, ProviderError, Throttled, TimedOut, Unavailable, Unreachable
from providers.opensearch.extra import ELASTICSEARCH, OPENSEARCH
from providers.opensearch.greeting import greeting_in
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.native import host_for
from tests.support.opensearch import OpenSearchServer, running_opensearch

ID = "01890a5d-ac96-774b-bcce-b302099a8057"


@asynccontextmanager
async def behind(proxy: FickleHttp, server: OpenSearchServer, seconds: float = 10.0) -> AsyncIterator[MemoryProvider]:
    """A provider that speaks to a server through a proxy, and has spoken to it once."""
    settings = replace(server.settings(timeout=seconds), url=Secret(proxy.base_url))
    async with settings.open(host_for()) as provider:
        await provider.remember("ann", "coffee")
        yield provider


def writes(received: Received) -> bool:
    """Whether a request writes documents."""
    return "_bulk" in received.path


def searches(received: Received) -> bool:
    """Whether a request searches for documents."""
    return "_search" in received.path


@pytest.mark.parametrize(
    ("told", "name"),
    [
        ({"distribution": "opensearch", "number": "2.19.6", "lucene_version": "9.12.3"}, OPENSEARCH),
        ({"number": "8.0.0", "lucene_version": "9.0.0", "build_flavor": "default"}, ELASTICSEARCH),
    ],
)
def test_a_server_says_which_of_the_two_it_is(told: dict[str, str], name: str) -> None:
    """By its distribution, which Elasticsearch has none of."""
    assert greeting_in({"version": told}).name == name


@pytest.mark.parametrize(
    ("told", "refused"),
    [
        ({"version": {"distribution": "opensearch", "number": "1.3.20", "lucene_version": "8.10.1"}}, "too old"),
        ({"version": {"number": "7.17.29", "lucene_version": "8.11.3"}}, "too old"),
        ({"version": {"number": "2.1"}}, "neither"),
        ({"version": "3"}, "neither"),
        ([], "neither"),
    ],
)
def test_another_server_is_refused(told: object, refused: str) -> None:
    """And the refusal says why."""
    with pytest.raises(Misconfigured, match=refused):
        greeting_in(told)


@pytest.mark.parametrize(
    ("behaviour", "kind"),
    [
        (Behaviour.HANG, TimedOut),
        (Behaviour.STORE_THEN_HANG, TimedOut),
        (Behaviour.TRUNCATED, Unavailable),
        (Behaviour.RESET, Unavailable),
        (Behaviour.GARBAGE, Misconfigured),
    ],
)
async def test_a_write_without_an_answer_is_unknown(
    opensearch_server: OpenSearchServer, behaviour: Behaviour, kind: type[ProviderError]
) -> None:
    """Unless what answers is another server; the same write again is one memory."""
    async with FickleHttp(opensearch_server.url) as proxy, behind(proxy, opensearch_server, 0.5) as provider:
        await proxy.become(behaviour, only=writes, times=1)
        with pytest.raises(kind) as caught:
            await provider.remember("ann", "tea", memory_id=ID)
        assert isinstance(caught.value, Unavailable)
        assert caught.value.ambiguous is (kind is not Misconfigured)
        assert await provider.remember("ann", "tea", memory_id=ID) == ID
        assert len(await provider.list_memories("ann")) == 2


@pytest.mark.parametrize(
    ("status", "error", "kind"),
    [
        (401, "security_exception", Misconfigured),
        (403, "security_exception", Misconfigured),
        (403, "cluster_block_exception", Unavailable),
        (413, None, Misconfigured),
        (429, "circuit_breaking_exception", Throttled),
        (503, "unavailable_shards_exception", Unavailable),
        (504, None, TimedOut),
        (500, None, Unavailable),
    ],
)
async def test_a_refusal_is_translated_without_what_it_quotes(
    opensearch_server: OpenSearchServer, status: int, error: str | None, kind: type[ProviderError]
) -> None:
    """By its status and its type; what else it says may be a memory."""
    body = json.dumps({"error": {"type": error, "reason": "canary"}, "status": status}).encode()
    async with FickleHttp(opensearch_server.url) as proxy, behind(proxy, opensearch_server) as provider:
        await proxy.become(Behaviour.STATUS, status=status, body=body, only=writes, times=1)
        with pytest.raises(kind) as caught:
            await provider.remember("ann", "tea")
    assert type(caught.value) is kind
    assert "canary" not in str(caught.value)


@pytest.mark.parametrize(
    "answer",
    [
        {"timed_out": True, "_shards": {"total": 2, "failed": 0}, "hits": {"hits": []}},
        {"timed_out": False, "_shards": {"total": 2, "failed": 1}, "hits": {"hits": []}},
    ],
)
async def test_half_an_answer_is_none(opensearch_server: OpenSearchServer, answer: dict[str, object]) -> None:
    """A search that ended early, or that a shard was missing from, is never a short list."""
    async with FickleHttp(opensearch_server.url) as proxy, behind(proxy, opensearch_server) as provider:
        await proxy.become(Behaviour.STATUS, status=200, body=json.dumps(answer).encode(), only=searches)
        with pytest.raises(Unavailable):
            await provider.list_memories("ann")
        with pytest.raises(Unavailable):
            await provider.recall("ann", "coffee")


async def test_one_refused_write_of_several_leaves_all_unknown(opensearch_server: OpenSearchServer) -> None:
    """The others may have been written; the same again ends as it should."""
    full = {"status": 429, "error": {"type": "rejected_execution_exception"}}
    done = {"status": 201, "_seq_no": 1, "_primary_term": 1, "_shards": {"successful": 1}}
    body = json.dumps({"items": [{"create": full}, {"index": done}]}).encode()
    async with FickleHttp(opensearch_server.url) as proxy, behind(proxy, opensearch_server) as provider:
        await proxy.become(Behaviour.STATUS, status=200, body=body, only=writes, times=1)
        with pytest.raises(Throttled) as caught:
            await provider.remember("ann", "tea", memory_id=ID)
        assert await provider.remember("ann", "tea", memory_id=ID) == ID
    assert caught.value.ambiguous


async def test_a_write_that_too_few_copies_have_is_unknown(opensearch_server: OpenSearchServer) -> None:
    """The server has one node, and so no room for the second copy."""
    async with opensearch_server.settings(copies=2).open(host_for()) as provider:
        with pytest.raises(Unavailable, match="1 copy has the write, 2 must") as caught:
            await provider.remember("ann", "tea")
    assert caught.value.ambiguous


async def test_a_wrong_password_and_a_page_of_somebody_else_are_told_apart(opensearch_server: OpenSearchServer) -> None:
    """Both need an operator, who is not shown the password."""
    async with FickleHttp(opensearch_server.url) as proxy:
        url = Secret(proxy.base_url.replace("://", "://ann:canary@"))
        async with replace(opensearch_server.settings(), url=url).open(host_for()) as provider:
            await proxy.become(Behaviour.STATUS, status=401, body=b"{}")
            with pytest.raises(Misconfigured, match="refuses user, password or key") as refused:
                await provider.remember("ann", "tea")
            await proxy.become(Behaviour.GARBAGE)
            with pytest.raises(Misconfigured, match="url right"):
                await provider.remember("ann", "tea")
            await proxy.become(Behaviour.OK)
            assert (await provider.get("ann", await provider.remember("ann", "tea"))).content == "tea"
    assert "canary" not in str(refused.value)
    assert proxy.requests[0].headers["authorization"] == "Basic YW5uOmNhbmFyeQ=="


async def test_a_server_that_is_not_there_is_unreachable() -> None:
    """Nothing was sent, so that nothing has happened."""
    with running_opensearch() as server:
        settings = server.settings()
    async with settings.open(host_for()) as provider:
        with pytest.raises(Unreachable) as gone:
            await provider.remember("ann", "tea")
        assert not (await provider.health_check()).healthy
    assert not gone.value.ambiguous


async def test_a_server_is_known_by_its_certificate(opensearch_server: OpenSearchServer, tmp_path: Path) -> None:
    """One that speaks no TLS is refused, and so is a file without certificates; neither is asked to store anything."""
    empty = tmp_path / "ca.pem"
    empty.write_text("none")
    url = Secret(opensearch_server.url.replace("http:", "https:"))
    for settings, refused in (
        (replace(opensearch_server.settings(), url=url), "speaks no TLS"),
        (replace(opensearch_server.settings(), url=url, ca_file=str(empty)), "ca_file cannot be read"),
        (replace(opensearch_server.settings(), url=url, ca_file=str(tmp_path / "none")), "ca_file cannot be read"),
    ):
        async with settings.open(host_for()) as provider:
            with pytest.raises(Misconfigured, match=refused):
                await provider.remember("ann", "tea")


async def test_elasticsearch_is_spoken_to_by_its_own_client(opensearch_server: OpenSearchServer) -> None:
    """A server that greets as one is asked for the same by the other client, and its failures mean the same."""
    hello = {"version": {"number": "9.1.0", "lucene_version": "10.2.2"}, "tagline": "You Know, for Search"}
    greeting = json.dumps(hello).encode()
    async with FickleHttp(opensearch_server.url) as proxy:
        await proxy.become(Behaviour.STATUS, status=200, body=greeting, only=lambda received: received.path == "/")
        async with behind(proxy, opensearch_server, 0.5) as provider:
            memory_id = await provider.remember("ann", "masala tea", {"cup": 1})
            assert [hit.id for hit in await provider.recall("ann", "masala")] == [memory_id]
            assert len(await provider.list_memories("ann")) == 2
            assert (await provider.health_check()).details[-1].startswith("Elasticsearch 9.1.0, index: ")
            for behaviour, kind in ((Behaviour.HANG, TimedOut), (Behaviour.RESET, Unavailable)):
                await proxy.become(behaviour, only=writes, times=1)
                with pytest.raises(kind) as unknown:
                    await provider.remember("ann", "tea", memory_id=ID)
                assert unknown.value.ambiguous
            headers = {"retry-after": "7", "content-type": "application/json"}
            await proxy.become(Behaviour.STATUS, status=429, headers=headers, body=b"{}", only=writes, times=1)
            with pytest.raises(Throttled) as throttled:
                await provider.remember("ann", "tea", memory_id=ID)
            await proxy.become(Behaviour.GARBAGE, only=searches, times=1)
            with pytest.raises(Misconfigured):
                await provider.list_memories("ann")
            await proxy.become(Behaviour.DOWN)
            with pytest.raises(Unavailable):
                await provider.list_memories("ann")  # over a connection that has just ended
            with pytest.raises(Unreachable):
                await provider.list_memories("ann")
    assert throttled.value.retry_after == 7
    asked = [received for received in proxy.requests if received.path != "/"]
    assert {received.headers["user-agent"].partition("/")[0] for received in asked} == {"elasticsearch-py"}
