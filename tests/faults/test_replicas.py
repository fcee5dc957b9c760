"""Three replicas behind HAProxy are killed and updated one by one under load, and follow what operators change."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.faults.lab import NAMES
from tests.faults.load import WEIGHTS, Load
from tests.faults.replicas import LIMIT, REPLICAS, Replicas, caller, running_replicas
from tests.simulation.script import Act
from tests.support.former import former_code
from tests.support.haproxy import needs_haproxy

# The last one whose hosts had no common folder; its replicas run beside those of this code.
FORMER_COMMIT = "2638ff6a"

# A request to delete everything has no key, so that HAProxy does not repeat it: if its replica is killed meanwhile, the
# caller is told so, and asks once more.
REPEATABLE: dict[Act, float] = {act: weight for act, weight in WEIGHTS.items() if act is not Act.CLEAR}
MOST_ACTS = 200_000  # far more than come about while replicas are replaced
WITHIN, AT_LAST = 1.0, 20.0  # seconds
USER = {"X-User-ID": "kannan"}
READ_ONLY = {"mode": "read_only", "reason": "a new disk"}

pytestmark = needs_haproxy


@pytest.mark.thorough
async def test_one_is_killed_and_one_replaced() -> None:
    """No request fails, no promise is broken, and each follows keys, configuration, order and mode."""
    async with running_replicas() as replicas:
        load = await _load_of(replicas)
        async with _under(load):
            await replicas.kill("one")
            await replicas.start("one")
            await replicas.stop("two")
            await replicas.start("two")

        await _kept(replicas, load)
        await _followed(replicas, AT_LAST)


@pytest.mark.soak
async def test_all_are_updated_and_killed_one_by_one(tmp_path: Path) -> None:
    """From the version before to this one, side by side for a while; then each dies once."""
    former = former_code(FORMER_COMMIT, tmp_path)
    async with running_replicas(former) as replicas:
        load = await _load_of(replicas)
        async with _under(load):
            for name in REPLICAS:
                await replicas.stop(name)
                await replicas.start(name)
            for name in REPLICAS:
                await replicas.kill(name)
                await replicas.start(name)

        await _kept(replicas, load)
        await _followed(replicas, WITHIN)


async def _load_of(replicas: Replicas) -> Load:
    key = replicas.key("new", "agent")
    # Until a replica has taken the new key over it refuses whoever shows it.
    await replicas.all_answer(lambda http: _list_is(http, 200), key, AT_LAST)
    return Load(replicas.front, 1, NAMES, caller("agent", key), REPEATABLE)


@asynccontextmanager
async def _under(load: Load) -> AsyncIterator[None]:
    """Let clients act from before the first fault until after the last one."""
    running = asyncio.create_task(load.run(MOST_ACTS))
    try:
        await asyncio.sleep(0.5)
        yield
        assert not running.done()
        load.end()
        await running
    finally:
        running.cancel()


async def _kept(replicas: Replicas, load: Load) -> None:
    assert (load.surprises, load.refusals, load.broken_off) == ([], [], [])
    assert sum(load.statuses.values()) == len(load.events)  # nothing was asked twice by the clients

    await replicas.stores.prove(load)


async def _followed(replicas: Replicas, seconds: float) -> None:
    """Let an operator change what can be changed, each at one place, and look at all replicas."""
    agent = replicas.key("new", "second")
    await replicas.all_answer(lambda http: _list_is(http, 200), agent, seconds)
    async with httpx.AsyncClient(base_url=replicas.front.url, trust_env=False, timeout=10) as http:
        headers = USER | {"Authorization": f"Bearer {agent}"}
        for number in range(LIMIT):
            response = await http.post("/memory/remember", json={"content": f"tea {number}"}, headers=headers)
            assert response.status_code == 200, response.text

    replicas.configure(limit=3)
    await replicas.all_answer(_three_are_recalled, agent, seconds)

    await _told(replicas, "one", "/admin/providers/order", {"order": list(NAMES[::-1])})
    await replicas.all_answer(_home_is_the_other, replicas.operator, seconds)

    await _told(replicas, "two", "/admin/mode", READ_ONLY)
    await replicas.all_answer(_writes_are_refused, agent, seconds)

    replicas.key("revoke", "second")
    await replicas.all_answer(lambda http: _list_is(http, 401), agent, seconds)


async def _told(replicas: Replicas, name: str, path: str, body: object) -> None:
    headers = {"Authorization": f"Bearer {replicas.operator}"}
    async with httpx.AsyncClient(base_url=replicas.services[name].url, trust_env=False, timeout=10) as http:
        response = await http.put(path, json=body, headers=headers)
    assert response.status_code == 200, response.text


async def _list_is(http: httpx.AsyncClient, status: int) -> bool:
    return (await http.get("/memory/memories", headers=USER)).status_code == status


async def _three_are_recalled(http: httpx.AsyncClient) -> bool:
    response = await http.post("/memory/recall", json={"query": "tea"}, headers=USER)
    return bool(response.json()["count"] == 3)


async def _home_is_the_other(http: httpx.AsyncClient) -> bool:
    return bool((await http.get("/admin/providers")).json()["home"] == NAMES[1])


async def _writes_are_refused(http: httpx.AsyncClient) -> bool:
    response = await http.post("/memory/remember", json={"content": "tea"}, headers=USER)
    return bool(response.status_code == 503 and response.json()["type"].endswith(":read-only"))
