"""Many clients at their limits and quotas for minutes: each gets what it may, and nothing acknowledged is lost."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from random import Random

import httpx
import pytest
from msgspec import Struct, field

from tests.support.service import running_service

A_MINUTE, HELD = 8, 6  # requests of one user, and memories that it may hold
PAUSE = 1.0  # seconds between two requests of a client, at least
HALF = 0.5
DELETES = 0.1  # of the requests of a client at its quota
PATIENCE = httpx.Timeout(60.0)
ANSWERS = {200, 202, 403, 429}
ENVIRON = {
    "NINAI__ORDER": '["a", "b"]',
    "NINAI__PROVIDERS__A__KIND": "mock",
    "NINAI__PROVIDERS__B__KIND": "mock",
    "NINAI__LIMITS__USER__REQUESTS": str(A_MINUTE),
    "NINAI__QUOTAS__USER__MEMORIES": str(HELD),
    "NINAI__QUOTAS__TENANT__MEMORIES": "1000000",
    "NINAI__QUOTAS__RECOUNT": "5",
}


class Client(Struct):
    """One user, what it was told, and what it must find in the end; it asks again and again until an end."""

    user: str
    chance: Random
    statuses: Counter[int] = field(default_factory=Counter)
    kept: set[str] = field(default_factory=set)
    most_held: int = 0
    granted: int = 0

    async def run(self, http: httpx.AsyncClient, ends: float) -> None:
        """Store until nothing more is taken, delete a little, and wait as it is told to."""
        await asyncio.sleep(self.chance.uniform(0, PAUSE))
        while time.monotonic() < ends:
            full = len(self.kept) >= HELD
            deleting = full and self.chance.random() < DELETES
            response = await (self._delete(http) if deleting else self._store(http))
            self.statuses[response.status_code] += 1
            self.granted += response.status_code != 429
            self.most_held = max(self.most_held, len(self.kept))
            told = float(response.headers.get("Retry-After", 0))
            # Half of the time it does not do what it is told.
            await asyncio.sleep(max(PAUSE, told if self.chance.random() < HALF else 0.0))

    async def listed(self, http: httpx.AsyncClient) -> set[str]:
        """Return the ids of what it finds, once it may ask."""
        while True:
            response = await http.get("/memory/memories", headers={"X-User-ID": self.user})
            if response.status_code != 429:
                assert response.status_code == 200, response.text
                return {memory["id"] for memory in response.json()["memories"]}
            await asyncio.sleep(float(response.headers["Retry-After"]))

    async def _store(self, http: httpx.AsyncClient) -> httpx.Response:
        response = await http.post("/memory/remember", json={"content": "tea", "user_id": self.user})
        if response.status_code in {200, 202}:
            self.kept.add(response.json()["memory_id"])
        return response

    async def _delete(self, http: httpx.AsyncClient) -> httpx.Response:
        memory_id = min(self.kept)
        response = await http.delete(f"/memory/memories/{memory_id}", headers={"X-User-ID": self.user})
        if response.status_code in {200, 202}:
            self.kept.discard(memory_id)
        return response


@pytest.mark.soak
@pytest.mark.parametrize(("clients", "minutes"), [(100, 1), (500, 10)])
async def test_clients_at_their_limits_get_what_they_may_and_lose_nothing(
    tmp_path: Path, clients: int, minutes: int
) -> None:
    """No more than that, no error, and at the end exactly what they were told that they hold."""
    everybody = [Client(f"user {number}", Random(number)) for number in range(clients)]  # noqa: S311 - no secret
    with running_service(tmp_path, ENVIRON) as service:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=PATIENCE, limits=limits) as http:
            began = time.monotonic()
            await asyncio.gather(*(client.run(http, began + 60 * minutes) for client in everybody))
            lasted = (time.monotonic() - began) / 60
            found = await asyncio.gather(*(client.listed(http) for client in everybody))
            usage = (await http.get("/admin/usage", params={"by": "tenant"})).json()["entries"]

    statuses = sum((client.statuses for client in everybody), Counter())
    assert set(statuses) <= ANSWERS, statuses
    assert statuses[429] > 0 < statuses[403], statuses
    assert [client.kept for client in everybody] == list(found)
    assert max(client.most_held for client in everybody) == HELD
    # A full bucket at first, and what flows into it.
    assert max(client.granted for client in everybody) <= A_MINUTE * (1 + lasted) + 1
    [tenant] = usage
    assert tenant["memories"] == pytest.approx(sum(map(len, found)), rel=0.05)
    assert tenant["refused"] == pytest.approx(statuses[429] + statuses[403], rel=0.01)
