"""Many clients at their limits and quotas for minutes: each gets what it may, and nothing acknowledged is lost."""

import asyncio
import time
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any

import httpx
import pytest
from msgspec import Struct, field

from providers.limits import MAX_LIST_LIMIT
from tests.support.following import eventually
from tests.support.service import Service, running_service
from tests.support.sockets import connections_of

HELD = 6  # memories that one user may hold
PAUSE = 1.0  # seconds between two requests of a client, at least
HALF = 0.5
DELETES = 0.1  # of the requests of a client at its quota
WARM = 0.3  # of the time, after which memory is measured
MOST_GROWTH = 24_000  # kB from then on; a kB for each request would be more in ten minutes
RECOUNTED_WITHIN = 60.0  # seconds
PATIENCE = httpx.Timeout(60.0)
ANSWERS = {200, 202, 403, 429}
ENVIRON = {
    "NINAI__ORDER": '["a", "b"]',
    "NINAI__PROVIDERS__A__KIND": "mock",
    "NINAI__PROVIDERS__B__KIND": "mock",
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
    told_wrongly: int = 0

    async def run(self, http: httpx.AsyncClient, ends: float) -> None:
        """Store until nothing more is taken, delete a little, and wait as it is told to."""
        await asyncio.sleep(self.chance.uniform(0, PAUSE))
        waited = False
        while time.monotonic() < ends:
            full = len(self.kept) >= HELD
            deleting = full and self.chance.random() < DELETES
            response = await (self._delete(http) if deleting else self._store(http))
            limited = response.status_code == 429
            self.statuses[response.status_code] += 1
            self.granted += not limited
            self.told_wrongly += limited and waited
            self.most_held = max(self.most_held, len(self.kept))
            told = float(response.headers["Retry-After"]) if limited else 0.0
            # Half of the time it does not do what it is told.
            waited = self.chance.random() < HALF
            await asyncio.sleep(max(PAUSE, told if waited else 0.0))
            waited = waited and limited

    async def listed(self, http: httpx.AsyncClient) -> set[str]:
        """Return the ids of what it finds, once it may ask."""
        while True:
            response = await http.get("/memory/memories", headers={"X-User-ID": self.user})
            self.statuses[response.status_code] += 1
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


async def used(http: httpx.AsyncClient, by: str) -> list[dict[str, Any]]:
    """Return the usage of all of them, page by page."""
    entries: list[dict[str, Any]] = []
    after: dict[str, str] = {}
    while True:
        page = (
            (await http.get("/admin/usage", params={"by": by, "limit": MAX_LIST_LIMIT, **after}))
            .raise_for_status()
            .json()
        )
        entries += page["entries"]
        if page["next_after"] is None:
            return entries
        after = {"after": page["next_after"]}


def memory_of(service: Service) -> int:
    """Return what the processes that answer have in memory, in kB."""
    texts = [Path(f"/proc/{pid}/status").read_text() for pid in service.workers() or {service.main.pid}]
    return sum(int(line.split()[1]) for text in texts for line in text.splitlines() if line.startswith("VmRSS:"))


async def memory_at(service: Service, seconds: float) -> int:
    """Return the same after so long."""
    await asyncio.sleep(seconds)
    return memory_of(service)


@pytest.mark.soak
@pytest.mark.parametrize(
    # Clients, minutes, and requests of one user a minute: so few that many clients reach them also on a slow machine.
    ("clients", "minutes", "a_minute"),
    [(100, 1, 8), (500, 10, 2)],
)
async def test_clients_at_their_limits_get_what_they_may_and_lose_nothing(
    tmp_path: Path, clients: int, minutes: int, a_minute: int
) -> None:
    """No more than that, no error, at the end exactly what they were told that they hold, and a service as before."""
    everybody = [Client(f"user {number}", Random(number)) for number in range(clients)]  # noqa: S311 - no secret
    with running_service(tmp_path, {**ENVIRON, "NINAI__LIMITS__USER__REQUESTS": str(a_minute)}) as service:
        limits = httpx.Limits(max_connections=64, max_keepalive_connections=64)
        async with httpx.AsyncClient(base_url=service.url, trust_env=False, timeout=PATIENCE, limits=limits) as http:
            began = time.monotonic()
            async with asyncio.TaskGroup() as group:
                measured = group.create_task(memory_at(service, 60 * minutes * WARM))
                for client in everybody:
                    group.create_task(client.run(http, began + 60 * minutes))
            warm = measured.result()
            lasted, grown = (time.monotonic() - began) / 60, memory_of(service) - warm
            found = await asyncio.gather(*(client.listed(http) for client in everybody))
            held, statuses = sum(map(len, found)), sum((client.statuses for client in everybody), Counter())

            async def is_counted() -> bool:
                [tenant] = await used(http, "tenant")
                return bool(tenant.get("memories") == held)

            await eventually(is_counted, RECOUNTED_WITHIN)
            [tenant], users = await used(http, "tenant"), await used(http, "user")

        async def is_left_alone() -> bool:
            return connections_of(service.url) == 0

        await eventually(is_left_alone)

    wrong = sum(client.told_wrongly for client in everybody)
    lost = sum(len(client.kept - one) for client, one in zip(everybody, found, strict=True))
    print(f"\n{clients} clients, {lasted:.1f} minutes: {sum(statuses.values())} requests, {sorted(statuses.items())}")
    print(f"{held} memories held, {lost} lost; waited in vain as told: {wrong}; memory {warm} kB, then {grown:+} kB")
    print(f"usage: {tenant}")
    assert set(statuses) <= ANSWERS, statuses
    assert statuses[429] > 0 < statuses[403], statuses
    assert [client.kept for client in everybody] == list(found)
    assert max(client.most_held for client in everybody) == HELD
    # A full bucket at first, and what flows into it.
    assert max(client.granted for client in everybody) <= a_minute * (1 + lasted) + 1
    assert wrong == 0
    for entries in ([tenant], users):
        assert sum(entry["memories"] for entry in entries) == held
        assert sum(entry["requests"] for entry in entries) == sum(statuses.values())
        assert sum(entry["refused"] for entry in entries) == statuses[429] + statuses[403]
    assert grown < MOST_GROWTH
