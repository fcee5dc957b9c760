"""What the doctor finds about an index of Pinecone."""

from pathlib import Path
from uuid import uuid4

import pytest

from providers.examination.outcome import CheckStatus
from tests.app.doctor.examining import found, wrong
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.native import host_for
from tests.support.pinecone.environment import HEALTH, pinecone_alone
from tests.support.pinecone.running import PineconeServer, running_pinecone

CANARY = "canary-7Qx"


@pytest.fixture
def prefix() -> str:
    """The prefix of an installation that nobody has used before."""
    return f"t{uuid4().hex}"


async def test_an_index_is_told_with_what_is_in_it(prefix: str, tmp_path: Path) -> None:
    """And nothing is stored there, no name of a store either."""
    with running_pinecone(delay=0.0) as server:
        findings = await found(**pinecone_alone(server.url, prefix, tmp_path))
        namespaces = dict(server.fake.records.namespaces())

    assert wrong(findings) == {}
    assert findings[HEALTH].found.startswith("healthy, answered in ")
    assert findings[HEALTH].found.endswith(", 0 records with vectors of 2 numbers")
    assert namespaces == {}


async def test_the_namespaces_of_another_installation_are_left_alone(prefix: str, tmp_path: Path) -> None:
    """They count as records of the index, and are no fault."""
    with running_pinecone(delay=0.0) as server:
        async with server.settings().open(host_for()) as other:
            await other.remember("ann", "tea")
        before = dict(server.fake.records.namespaces())
        findings = await found(**pinecone_alone(server.url, prefix, tmp_path))
        after = dict(server.fake.records.namespaces())

    assert wrong(findings) == {}
    assert sum(before.values()) > 0
    assert f", {sum(before.values())} records with vectors" in findings[HEALTH].found
    assert after == before


async def test_a_wrong_key_is_an_error_and_not_shown(
    pinecone_server: PineconeServer, prefix: str, tmp_path: Path
) -> None:
    """With the setting to look at."""
    findings = await found(**pinecone_alone(pinecone_server.url, prefix, tmp_path, api_key=CANARY))

    assert wrong(findings) == {HEALTH: CheckStatus.ERROR}
    assert "refuses the key" in findings[HEALTH].found
    assert "providers.pine.host and .api_key" in (findings[HEALTH].advice or "")
    assert CANARY not in str(findings)


async def test_an_index_that_cannot_be_reached_is_an_error(prefix: str, tmp_path: Path) -> None:
    """With where its address stands."""
    findings = await found(**pinecone_alone("http://127.0.0.1:1", prefix, tmp_path))

    assert wrong(findings) == {HEALTH: CheckStatus.ERROR}
    assert "no connection to Pinecone" in findings[HEALTH].found
    assert "providers.pine.host" in (findings[HEALTH].advice or "")


@pytest.mark.parametrize("body", [b"<html>", b'{"status": "ok"}'])
async def test_another_server_is_recognised(
    pinecone_server: PineconeServer, prefix: str, tmp_path: Path, body: bytes
) -> None:
    """By what it answers."""
    async with FickleHttp(pinecone_server.url) as proxy:
        await proxy.become(Behaviour.STATUS, status=200, body=body)
        findings = await found(**pinecone_alone(proxy.base_url, prefix, tmp_path))

    assert wrong(findings) == {HEALTH: CheckStatus.ERROR}
    assert "no index of Pinecone" in findings[HEALTH].found


async def test_it_is_refused_without_a_journal(pinecone_server: PineconeServer, prefix: str, tmp_path: Path) -> None:
    """With the reason, and what to set."""
    variables = pinecone_alone(pinecone_server.url, prefix, tmp_path) | {"NINAI__JOURNAL__KIND": "none"}
    findings = await found(**variables)

    assert wrong(findings) == {"config": CheckStatus.ERROR}
    assert "only a journal keeps what was acknowledged" in findings["config"].found
