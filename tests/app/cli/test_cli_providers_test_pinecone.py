"""`ninai providers test` tells what is wrong with an index of Pinecone, and leaves nothing that can be read there."""

import asyncio
from pathlib import Path
from uuid import uuid4

import pytest

from providers.owners import Owner
from tests.app.cli.trying import CANARY, OPERATIONS, outcomes, report, tried
from tests.support.fickle_http import Behaviour, FickleHttp
from tests.support.native import host_for
from tests.support.pinecone.environment import NAME, pinecone_alone
from tests.support.pinecone.running import PineconeServer


@pytest.fixture
def prefix() -> str:
    """The prefix of an installation that nobody has used before."""
    return f"t{uuid4().hex}"


async def test_every_operation_is_tried(pinecone_server: PineconeServer, prefix: str, tmp_path: Path) -> None:
    """All is well, and of the user there are tombstones alone."""
    told = await report(NAME, **pinecone_alone(pinecone_server.url, prefix, tmp_path))

    async with pinecone_server.settings(prefix=prefix).open(host_for()) as provider:
        left = await provider.snapshots(Owner(told["user"]))
    assert (told["ok"], told["kind"], told["failures"]) == (True, "pinecone", [])
    assert outcomes(told) == dict.fromkeys(OPERATIONS, "ok")
    assert told["left_behind"] is None
    assert {state.deleted for state in left} == {True}
    assert pinecone_server.fake.contract.broken == []


async def test_what_another_installation_has_is_left_alone(
    pinecone_server: PineconeServer, prefix: str, tmp_path: Path
) -> None:
    """Its namespaces, which begin with another prefix, are neither shown nor written."""
    async with pinecone_server.settings().open(host_for()) as other:
        memory_id = await other.remember("ann", "tea")
        told = await report(NAME, **pinecone_alone(pinecone_server.url, prefix, tmp_path))
        await asyncio.sleep(other.staleness)
        states, owners = await other.snapshots(Owner("ann")), await other.owners()
    async with pinecone_server.settings(prefix=prefix).open(host_for()) as ours:
        our_owners = await ours.owners()

    assert told["ok"] is True
    assert [(state.id, state.content) for state in states] == [(memory_id, "tea")]
    assert owners == [Owner("ann")]
    assert our_owners == [Owner(told["user"])]


async def test_a_wrong_key_is_told_once(pinecone_server: PineconeServer, prefix: str, tmp_path: Path) -> None:
    """The error, what had it, and where to look; what needs a memory is skipped, and no key is shown."""
    variables = pinecone_alone(pinecone_server.url, prefix, tmp_path, api_key="wrong-" + CANARY)
    result = await tried(NAME, **variables)

    lines = result.stdout.splitlines()
    assert result.exit_code == 1
    assert "Pinecone refuses the key, or the project is over its quota (HTTP 401, code 16)" in result.stdout
    assert "  look at providers.pine.host and .api_key" in lines
    assert CANARY not in result.output


async def test_a_host_without_an_index_is_told(pinecone_server: PineconeServer, prefix: str, tmp_path: Path) -> None:
    """Whether nobody answers there or somebody else."""
    nobody = await tried(NAME, **pinecone_alone("http://127.0.0.1:1", prefix, tmp_path))
    async with FickleHttp(pinecone_server.url) as proxy:
        await proxy.become(Behaviour.STATUS, status=200, body=b"<html>")
        other = await tried(NAME, **pinecone_alone(proxy.base_url, prefix, tmp_path))

    assert (nobody.exit_code, other.exit_code) == (1, 1)
    assert "no connection to Pinecone" in nobody.stdout
    assert "no index of Pinecone: is host right?" in other.stdout
    assert "look at whether it runs and can be reached from here: providers.pine.host" in nobody.stdout
    assert "  look at providers.pine.host and .api_key" in other.stdout
