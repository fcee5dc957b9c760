"""Health: one cheap request in every dialect, and an error is part of the answer."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from observability.secret import Secret
from providers.health import Health
from providers.mem0.health import PATIENCE, Mem0Health
from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.mem0 import DIALECTS, HMAC_SECRET, KEY, SERVERS, opened

PATHS = {
    "spec": "/health",
    "oss": "/memories/00000000-0000-0000-0000-000000000000",
    "platform": "/v1/ping/",
}


def seen(health: Health) -> Mem0Health:
    """The health of this provider, which knows more."""
    assert isinstance(health, Mem0Health)
    return health


@pytest.mark.parametrize("dialect", DIALECTS)
async def test_health_is_one_request(dialect: str) -> None:
    """A server that serves is healthy after one call, and the time that it took is stated in milliseconds."""
    async with SERVERS[dialect]() as server, opened(server.base_url, dialect) as provider:
        health = seen(await provider.health_check())

        assert (health.healthy, health.error, health.dialect) == (True, None, dialect)
        assert (health.provider, health.endpoint) == ("Mem0HttpMemoryProvider", server.base_url)
        assert 0 < (health.response_time_ms or 0) < PATIENCE * 1000
        assert [(one.method, one.path) for one in server.requests] == [("GET", PATHS[dialect])]


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("patience", [0.3, 60.0])
async def test_health_never_raises(dialect: str, patience: float) -> None:
    """Whatever the server does, health is an answer, in time and in one line that has no key in it."""
    errors: dict[Behaviour, str | None] = {}
    async with (
        SERVERS[dialect]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, dialect, timeout=patience) as provider,
    ):
        for behaviour in (
            Behaviour.DOWN,
            Behaviour.HANG,
            Behaviour.STATUS,
            Behaviour.GARBAGE,
            Behaviour.BINARY,
            Behaviour.TRUNCATED,
            Behaviour.RESET,
            Behaviour.REDIRECT,
        ):
            await fickle.become(behaviour, body=f"{KEY} {HMAC_SECRET}".encode())
            health = await provider.health_check()
            assert not health.healthy
            assert health.response_time_ms is None
            errors[behaviour] = health.error
        await fickle.become(Behaviour.OK)
        assert (await provider.health_check()).healthy

    assert errors[Behaviour.STATUS] == "mem0 fails (HTTP 500)"
    assert "no connection to mem0" in (errors[Behaviour.DOWN] or "")
    assert "no answer" in (errors[Behaviour.HANG] or "")
    assert "redirects" in (errors[Behaviour.REDIRECT] or "")
    assert [
        error for error in errors.values() if not error or "\n" in error or KEY in error or HMAC_SECRET in error
    ] == []


@pytest.mark.parametrize("dialect", ["oss", "platform"])
async def test_a_wrong_key_is_not_healthy(dialect: str) -> None:
    """Health proves the key: with another one nothing could be served."""
    async with SERVERS[dialect]() as server, opened(server.base_url, dialect, api_key=Secret("other")) as provider:
        health = await provider.health_check()

    assert (health.healthy, health.error) == (False, "mem0 refuses the key (HTTP 401)")


async def test_health_does_not_tell_what_stands_before_the_host() -> None:
    """A password in the base URL is used, and is not part of what health says."""
    async with SERVERS["spec"]() as server:
        address = server.base_url.replace("http://", "http://gate:password@")
        async with opened(address, "spec") as provider:
            health = seen(await provider.health_check())

        assert health.healthy
        assert health.endpoint == server.base_url
        assert server.requests[0].headers["authorization"].startswith("Basic ")


async def test_the_dialect_is_named_once_it_is_known() -> None:
    """As long as no server has answered, no dialect is named."""
    async with (
        SERVERS["spec"]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, "auto") as provider,
    ):
        await fickle.become(Behaviour.DOWN)
        assert seen(await provider.health_check()).dialect is None
        await fickle.become(Behaviour.OK)
        assert seen(await provider.health_check()).dialect == "spec"


@pytest.mark.parametrize("dialect", DIALECTS)
@pytest.mark.parametrize("of_health", [True, False])
async def test_a_look_and_a_request_do_not_wait_for_each_other(dialect: str, of_health: bool) -> None:  # noqa: FBT001 - a parameter
    """Where one request at a time is allowed: whichever of both hangs, the other one is answered."""

    def hangs(received: Received) -> bool:
        return (received.path.partition("?")[0] == PATHS[dialect]) == of_health

    async with (
        SERVERS[dialect]() as server,
        FickleHttp(server.base_url) as fickle,
        opened(fickle.base_url, dialect, concurrency=1) as provider,
    ):
        await fickle.become(Behaviour.HANG, only=hangs)
        asks: list[Callable[[], Awaitable[object]]] = [provider.health_check, lambda: provider.recall("kannan", "tea")]
        hanging, answered = asks if of_health else reversed(asks)
        waiting = asyncio.ensure_future(hanging())
        while not fickle.requests:  # noqa: ASYNC110 - nothing notifies
            await asyncio.sleep(0.01)
        answer = await answered()

        assert not waiting.done()
        assert answer.healthy if isinstance(answer, Health) else answer == []
        waiting.cancel()
        await asyncio.wait({waiting})
