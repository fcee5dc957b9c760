"""Several hosts grant a limit together through a Redis, and each its own share while that does not answer."""

import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from math import isnan

import pytest
from prometheus_client import CollectorRegistry
from structlog.testing import capture_logs

from app.http.problems import RequestError
from app.rates.limiter import RateLimiter
from app.rates.sharing import SHARE_SECONDS, RateSharing
from app.settings import load
from app.settings.errors import ConfigError
from app.settings.limits import LimitSettings, RateSettings
from observability.metrics import Metrics
from observability.secret import Secret
from tests.support.api import Api, asgi_client, running_app
from tests.support.clock import FakeClock
from tests.support.following import eventually
from tests.support.redis import RedisServer, running_redis

QUOTA = 40


class Host:
    """One process of a host."""

    def __init__(self, url: str, now: FakeClock, quota: int = QUOTA, workers: int = 1) -> None:
        self.url = Secret(url)
        self.metrics = Metrics(CollectorRegistry())
        settings = LimitSettings(store=self.url, key=RateSettings(requests=quota))
        self.limiter = RateLimiter(settings, workers, self.metrics, now)
        self.sharing = RateSharing(self.limiter, self.metrics, now)

    async def exchange(self) -> None:
        """Tell and hear once."""
        await self.sharing.exchange(self.url)

    def granted(self, times: int, key: str) -> int:
        """Ask so many times, and return how often that was granted."""
        granted = 0
        for _ in range(times):
            try:
                self.limiter.admit(key, "default")
            except RequestError:
                continue
            granted += 1
        return granted

    @property
    def gauge(self) -> float:
        """Whether it says that it shares."""
        value = self.metrics.registry.get_sample_value("ninai_rates_shared")
        assert value is not None
        return value


@asynccontextmanager
async def hosts(*all_of_them: Host) -> AsyncIterator[None]:
    """Exchange once, and close all in the end."""
    for host in all_of_them:
        await host.exchange()
    yield
    for host in all_of_them:
        await host.sharing.exchange(None)


async def test_two_hosts_grant_a_limit_together(redis_server: RedisServer) -> None:
    """Not each of them all of it; a third one that comes later finds nothing left."""
    clock, key = FakeClock(), f"key {time.monotonic_ns()}"
    one, other, late = (Host(redis_server.url, clock) for _ in range(3))
    async with hosts(one, other):
        assert one.granted(QUOTA - 10, key) == QUOTA - 10
        await one.exchange()
        assert other.granted(1, key) == 1
        await other.exchange()
        assert other.granted(QUOTA, key) in {9, 10}
        await other.exchange()
        one.granted(1, key)
        await one.exchange()
        assert one.granted(QUOTA, key) == 0
    async with hosts(late):
        late.granted(1, key)
        await late.exchange()
        assert late.granted(QUOTA, key) == 0
        assert late.gauge == 1


async def test_what_both_took_before_they_heard_of_each_other_is_paid_afterwards(redis_server: RedisServer) -> None:
    """A bucket in debt grants nothing until it is paid."""
    clock, key = FakeClock(), f"key {time.monotonic_ns()}"
    one, other = (Host(redis_server.url, clock) for _ in range(2))
    async with hosts(one, other):
        assert (one.granted(QUOTA, key), other.granted(QUOTA, key)) == (QUOTA, QUOTA)
        await one.exchange()
        await other.exchange()
        one.granted(1, key)
        await one.exchange()
        await clock.sleep(30)
        assert (one.granted(1, key), other.granted(1, key)) == (0, 0)


async def test_a_redis_that_is_down_refuses_nobody() -> None:
    """Each worker grants its share meanwhile, and log and metric say so; with its return all is shared again."""
    clock = FakeClock()
    with running_redis() as server, capture_logs() as events:
        host = Host(server.url, clock, workers=2)
        assert isnan(host.gauge)
        async with hosts(host):
            assert (host.gauge, host.granted(QUOTA, "a")) == (1, QUOTA)
            server.kill()
            await host.exchange()
            await host.exchange()
            assert (host.gauge, host.granted(QUOTA, "b")) == (0, QUOTA // 2)
            server.start()
            await host.exchange()
            assert (host.gauge, host.granted(QUOTA, "c")) == (1, QUOTA)

    told = [event["event"] for event in events if event["event"].startswith("rates_")]
    assert told == ["rates_shared", "rates_not_shared", "rates_shared"]
    assert SHARE_SECONDS < 1


async def test_a_service_shares_its_limits_as_it_is_configured(redis_server: RedisServer) -> None:
    """Two of them grant a user's requests together, as soon as they have told each other."""
    user = f"user {time.monotonic_ns()}"
    environ = {
        "MEMORY_PROVIDER": "mock",
        "NINAI__LIMITS__USER__REQUESTS": "10",
        "NINAI__LIMITS__STORE": redis_server.url,
    }
    async with (
        running_app(environ) as one,
        running_app(environ) as other,
        asgi_client(one) as first,
        asgi_client(other) as second,
    ):

        async def is_shared() -> bool:
            told = [(await http.get("/metrics")).text for http in (first, second)]
            return all("ninai_rates_shared 1.0" in metrics for metrics in told)

        await eventually(is_shared)
        statuses = [(await Api(first, user).page()).status_code for _ in range(10)]

        async def is_refused() -> bool:
            return (await Api(second, user).page()).status_code == 429

        await eventually(is_refused)

    assert statuses == [200] * 10


@pytest.mark.parametrize("url", ["http://a-host", "redis://:secret@", "redis://a-host:99999"])
def test_a_store_that_is_no_redis_is_refused(url: str) -> None:
    """The path is named, and the address is not quoted: it may hold a password."""
    with pytest.raises(ConfigError, match=r"limits\.store") as refused:
        load(None, environ={"MEMORY_PROVIDER": "mock", "NINAI__LIMITS__STORE": url})

    assert url not in str(refused.value)
