"""What Pinecone's refusals, silences and half answers mean, and which places are recognised as none of its indexes."""

import pytest

from observability.secret import Secret
from providers.errors import ASK_AGAIN, Misconfigured, ProviderError, Throttled, TimedOut, Unavailable, Unreachable
from tests.support.fickle_http import Behaviour, Received
from tests.support.native import host_for
from tests.support.pinecone.running import pinecone_at
from tests.support.pinecone.server import FakePinecone


def upserts(received: Received) -> bool:
    """Whether a request writes records."""
    return received.path == "/vectors/upsert"


@pytest.mark.parametrize(
    ("status", "expected", "ambiguous"),
    [
        (400, Misconfigured, False),
        (401, Misconfigured, False),
        (402, Misconfigured, False),
        (403, Misconfigured, False),
        (404, Misconfigured, False),
        (308, Misconfigured, False),
        (408, TimedOut, True),
        (429, Throttled, False),
        (500, Unavailable, True),
        (503, Unavailable, True),
        (504, TimedOut, True),
    ],
)
async def test_each_status_means_one_error(
    fake: FakePinecone, status: int, expected: type[ProviderError], *, ambiguous: bool
) -> None:
    """What Pinecone says beyond its number may quote memories, and goes nowhere."""
    async with pinecone_at(fake.base_url).open(host_for()) as provider:
        await provider.remember("ann", "coffee")
        said = b'{"code": 13, "message": "canary", "details": []}'
        await fake.become(Behaviour.STATUS, status=status, body=said, only=upserts)
        with pytest.raises(Unavailable) as failure:
            await provider.remember("ann", "tea")

    assert type(failure.value) is expected
    assert failure.value.ambiguous is ambiguous
    assert "canary" not in str(failure.value)


@pytest.mark.parametrize(("header", "seconds"), [("7", 7.0), ("100000", 3600.0), ("soon", ASK_AGAIN)])
async def test_patience_is_as_long_as_is_asked_for(fake: FakePinecone, header: str, seconds: float) -> None:
    """Within reason."""
    async with pinecone_at(fake.base_url).open(host_for()) as provider:
        headers = {"content-type": "application/json", "retry-after": header}
        await fake.become(Behaviour.STATUS, status=429, headers=headers, body=b"{}")
        with pytest.raises(Throttled) as failure:
            await provider.recall("ann", "tea")

    assert failure.value.retry_after == seconds


@pytest.mark.parametrize(
    ("behaviour", "expected"),
    [
        (Behaviour.DOWN, Unreachable),
        (Behaviour.HANG, TimedOut),
        (Behaviour.RESET, Unavailable),
        (Behaviour.TRUNCATED, Unavailable),
        (Behaviour.HUGE, Unavailable),
        (Behaviour.DRIP, TimedOut),
        (Behaviour.GARBAGE, Misconfigured),
        (Behaviour.BINARY, Unavailable),
        (Behaviour.EMPTY, Unavailable),
        (Behaviour.REDIRECT, Misconfigured),
    ],
)
async def test_what_is_no_answer_is_never_an_empty_one(
    fake: FakePinecone, behaviour: Behaviour, expected: type[Unavailable]
) -> None:
    """A read is refused then."""
    settings = pinecone_at(fake.base_url, timeout=0.5 if expected is TimedOut else 15.0)
    async with settings.open(host_for()) as provider:
        await provider.remember("ann", "coffee")
        await fake.become(behaviour)
        with pytest.raises(Unavailable) as failure:
            await provider.list_memories("ann")
        await fake.become(Behaviour.OK)
        assert [memory.content for memory in await provider.list_memories("ann")] == ["coffee"]

    assert type(failure.value) is expected


async def test_a_wrong_key_is_told(fake: FakePinecone) -> None:
    """By reads, writes and the health."""
    async with pinecone_at(fake.base_url, api_key=Secret("another")).open(host_for()) as provider:
        with pytest.raises(Misconfigured, match="refuses the key"):
            await provider.recall("ann", "tea")
        health = await provider.health_check()

    assert not health.healthy
    assert "refuses the key" in str(health.error)


async def test_something_else_is_recognised(fake: FakePinecone) -> None:
    """A server that speaks JSON and is no index."""
    async with pinecone_at(fake.base_url).open(host_for()) as provider:
        await fake.become(Behaviour.STATUS, status=200, body=b'{"status": "ok"}')
        with pytest.raises(Misconfigured, match="no index of Pinecone"):
            await provider.remember("ann", "tea")
        with pytest.raises(Misconfigured, match="no index of Pinecone"):
            await provider.ping()


async def test_another_dimension_is_found_out(fake: FakePinecone) -> None:
    """When the index was made anew with another one: the write is refused once, and the next one is right."""
    async with pinecone_at(fake.base_url).open(host_for()) as provider:
        await provider.remember("ann", "coffee")
        fake.records.clear()
        fake.dimension = 5
        with pytest.raises(Misconfigured):
            await provider.remember("ann", "tea")
        memory_id = await provider.remember("ann", "tea")
        assert (await provider.get("ann", memory_id)).content == "tea"


@pytest.mark.parametrize(("dimension", "sparse"), [(1, False), (1536, False), (0, True)])
async def test_every_shape_of_index_will_do(dimension: int, *, sparse: bool) -> None:
    """Its vectors say nothing."""
    async with (
        FakePinecone(dimension=dimension, sparse=sparse) as fake,
        pinecone_at(fake.base_url).open(host_for()) as provider,
    ):
        memory_id = await provider.remember("ann", "tea")
        health = await provider.health_check()

        assert [memory.id for memory in await provider.recall("ann", "tea")] == [memory_id]
        assert health.healthy
        assert health.details
        assert fake.contract.broken == []


async def test_a_limit_on_requests_is_respected() -> None:
    """What is too much is refused with the time to wait, and taken later."""
    async with FakePinecone(most=2) as fake, pinecone_at(fake.base_url).open(host_for()) as provider:
        await provider.ping()
        with pytest.raises(Throttled) as failure:
            await provider.remember("ann", "tea")
        fake.most = None
        memory_id = await provider.remember("ann", "coffee")

        assert failure.value.retry_after == 1.0
        assert fake.throttled == 1
        assert [memory.id for memory in await provider.recall("ann", "coffee")] == [memory_id]
