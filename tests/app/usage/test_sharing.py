"""Usage of hosts that share a Redis is summed over all of them; without an answer of it, a host tells its own."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from msgspec import Struct
from structlog.testing import capture_logs

from app.usage.counts_folder import FOLDER
from app.usage.keeping import Covered, UsageKeeper
from app.usage.request_counts import RequestCounts
from app.usage.totals import By
from observability.notes import Deed, Notes
from observability.secret import Secret
from providers.owners import Owner
from tests.support.api import Api, asgi_client, fresh_user, running_app
from tests.support.pages import Visitor
from tests.support.redis import RedisServer, running_redis

ANNA = Owner("anna")
MANY = 2_500  # names: more than are told in one command


class Process(Struct):
    """A process of a host."""

    usage: UsageKeeper

    def ask(self, times: int = 1, key: str = "agent") -> None:
        """Have a key store a memory of Anna's so often."""
        for _ in range(times):
            owners, deeds = [(ANNA.tenant, ANNA.user)], [Deed("remember", "ok", 1)]
            notes = Notes(request_id="1", caller=key, owners=owners, deeds=deeds)
            self.usage.counts.record({}, notes, "POST", "/memory/remember", 200)

    async def covered(self) -> Covered:
        """What it tells of keys."""
        return await self.usage.covered("key")

    async def told(self) -> list[int]:
        """The requests of the key, of Anna and of her tenant; and of how many hosts."""
        names: dict[By, str] = {"key": "agent", "user": self.usage.counts.hashed(ANNA), "tenant": ANNA.tenant}
        sums = {by: await self.usage.covered(by, [ANNA]) for by in names}
        return [*(sums[by].sums.of_name(by, name).requests for by, name in names.items()), sums["user"].hosts]


@asynccontextmanager
async def host(folder: Path, url: str) -> AsyncIterator[Process]:
    """A process that runs on the host with this data folder, which hashes users with a key of its own."""
    usage = UsageKeeper(RequestCounts(), folder)
    async with usage.running(folder.name.encode() * 8, lambda: Secret(url)):
        yield Process(usage)


@pytest.fixture
def redis() -> Iterator[RedisServer]:
    """A Redis that nobody else uses: usage is all that it has."""
    with running_redis() as server:
        yield server


async def test_hosts_tell_the_sum_of_all(redis: RedisServer, tmp_path: Path) -> None:
    """By key, user and tenant, since the first of them; and no name of a user is in the Redis."""
    async with host(tmp_path / "a", redis.url) as one, host(tmp_path / "b", redis.url) as two:
        one.ask(2)
        two.ask(3)
        await two.usage.share()
        before = await one.told()
        two.ask()
        await two.usage.share(last=True)
        after, since = await one.told(), (await one.covered()).sums.since
        kept = {key: redis.command("HGETALL", key) for key in redis.command("KEYS", "*")}

    assert (before, after) == ([5, 5, 5, 2], [6, 6, 6, 2])
    assert since == min(one.usage.counts.since, two.usage.counts.since)
    assert b"anna" not in repr(kept).encode()


async def test_counts_are_exact_after_clean_stops_and_outlive_restarts(redis: RedisServer, tmp_path: Path) -> None:
    """Of hosts and of the workers of one host, whichever stops last; a host that is gone for good is in the sum."""
    for _ in range(2):
        async with host(tmp_path / "a", redis.url) as one, host(tmp_path / "a", redis.url) as two:
            one.ask(2)
            two.ask(3)
        async with host(tmp_path / "b", redis.url) as other:
            other.ask()
    async with host(tmp_path / "c", redis.url) as late:
        assert await late.told() == [12, 12, 12, 3]


async def test_a_redis_that_has_lost_its_data_is_told_all_of_it_again(redis: RedisServer, tmp_path: Path) -> None:
    """Nothing is counted twice, and names that were forgotten are forgotten there, too."""
    async with host(tmp_path / "a", redis.url) as one, host(tmp_path / "b", redis.url) as two:
        for number in range(MANY):
            one.ask(key=f"key {number}")
        await one.usage.share(last=True)
        redis.command("FLUSHALL")
        one.ask()
        del one.usage.counts._counts["key"]["key 0"]  # noqa: SLF001 - as if 50,000 others had asked
        await one.usage.share(last=True)
        await one.usage.share(last=True)
        known, tenants = (await two.covered()).sums, (await two.usage.covered("tenant")).sums

    assert len(known.counts["key"]) == MANY
    assert known.of_name("key", f"key {MANY - 1}").requests == 1
    assert known.of_name("key", "key 0").requests == 0
    assert tenants.of_name("tenant", ANNA.tenant).requests == MANY + 1


async def test_a_redis_that_is_down_leaves_the_sum_of_one_host(redis: RedisServer, tmp_path: Path) -> None:
    """Said in the answer and in the log; with its return nothing is missing."""
    with capture_logs() as logs:
        async with host(tmp_path / "a", redis.url) as one, host(tmp_path / "b", redis.url) as two:
            two.ask(3)
            await two.usage.share(last=True)
            redis.kill()
            one.ask(2)
            two.ask()
            await two.usage.share(last=True)
            down, alone = await one.told(), (await one.covered()).alone
            redis.start()
            await two.usage.share(last=True)
            up, together = await one.told(), (await one.covered()).alone

    assert (down, alone) == ([2, 2, 2, 1], True)
    assert (up, together) == ([6, 6, 6, 2], False)
    assert [log["event"] for log in logs].count("usage_not_shared") >= 2


async def test_one_process_of_a_host_tells_for_all(redis: RedisServer, tmp_path: Path) -> None:
    """Another one that comes within seconds leaves it at that; the load does not grow with the workers."""
    async with host(tmp_path / "a", redis.url) as one, host(tmp_path / "a", redis.url) as two:
        one.ask()
        await one.usage.keep()
        await one.usage.share()
        used = redis.command("INFO", "commandstats")["cmdstat_hset"]["calls"]
        await two.usage.share()
        again = redis.command("INFO", "commandstats")["cmdstat_hset"]["calls"]

    assert again == used
    assert (tmp_path / "a" / FOLDER / "host").exists()


@pytest.mark.thorough
async def test_services_share_usage_as_they_are_configured(redis: RedisServer, tmp_path: Path) -> None:
    """The answer and the console say of how many hosts it is; requests are counted where they were asked."""
    environ = {"MEMORY_PROVIDER": "mock", "NINAI__LIMITS__STORE": redis.url}
    user = fresh_user()
    async with running_app({**environ, "NINAI__DATA_DIR": str(tmp_path / "a")}) as app, asgi_client(app) as http:
        await Api(http, user).stored("tea")
    async with running_app({**environ, "NINAI__DATA_DIR": str(tmp_path / "b")}) as app, asgi_client(app) as http:
        await Api(http, user).stored("coffee")
        page = (await http.get("/admin/usage")).json()
        shown = (await Visitor(http).look("/console/usage?by=tenant")).text
        redis.kill()
        alone = (await http.get("/admin/usage")).json()
        shown_alone = (await Visitor(http).look("/console/usage?by=tenant")).text

    [entry], [entry_alone] = page["entries"], alone["entries"]
    assert (entry["memories_written"], page["hosts"], "others_unknown" in page) == (2, 2, False)
    assert (entry_alone["memories_written"], alone["hosts"], alone["others_unknown"]) == (1, 1, True)
    assert "Requests are those to 2 hosts since" in shown
    assert "Those to other hosts are not known" in shown_alone
