"""Which replica HAProxy asks by deploy/haproxy/by-user.cfg, and what it sends once more when one does not answer."""

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path

import httpx
import pytest

from tests.support.fickle_http import Behaviour, FickleHttp, Received
from tests.support.haproxy import BY_USER, haproxy, needs_haproxy

NAMES = ("one", "two", "three")
USERS = [f"user-{number}" for number in range(30)]
FITS, TOO_LARGE = 4_000, 40_000  # bytes of a body that HAProxy keeps, and of one that it does not

pytestmark = needs_haproxy


class Cluster:
    """Replicas that answer everything with 200, by name, and a client of HAProxy before them."""

    def __init__(self, replicas: Mapping[str, FickleHttp], http: httpx.AsyncClient) -> None:
        self.replicas, self.http = replicas, http

    def asked(self) -> dict[str, list[Received]]:
        """Return what each of them was asked by callers."""
        return {
            name: [one for one in replica.requests if one.path.startswith("/memory/")]
            for name, replica in self.replicas.items()
        }

    def forget(self) -> None:
        """Forget what they were asked."""
        for replica in self.replicas.values():
            replica.requests.clear()

    async def places(self, **headers: str) -> dict[str, str]:
        """Let every user ask once, and return who was asked for whom."""
        self.forget()
        for user in USERS:
            response = await self.http.get("/memory/memories", headers={"X-User-ID": user, **headers})
            assert response.status_code == 200
        return {one.headers["x-user-id"]: name for name, requests in self.asked().items() for one in requests}


@asynccontextmanager
async def running(folder: Path) -> AsyncIterator[Cluster]:
    """Run three replicas, and HAProxy before them."""
    async with AsyncExitStack() as stack:
        service = await stack.enter_async_context(FickleHttp("http://127.0.0.1:9"))
        await service.become(Behaviour.STATUS, status=200)
        replicas = {name: await stack.enter_async_context(FickleHttp(service.base_url)) for name in NAMES}
        ports = {name: httpx.URL(replica.base_url).port or 0 for name, replica in replicas.items()}
        front = await stack.enter_async_context(haproxy(ports, folder, BY_USER))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=front.url, trust_env=False, timeout=10))
        yield Cluster(replicas, http)


async def test_a_user_is_answered_by_one_replica(tmp_path: Path) -> None:
    """Whatever the key; one that is gone leaves its users to the others, and theirs stay where they were."""
    async with running(tmp_path) as cluster:
        before = await cluster.places()
        with_keys = await cluster.places(Authorization="Bearer k")
        await cluster.replicas["two"].become(Behaviour.DOWN)
        without = await cluster.places()

    assert set(before.values()) == set(NAMES)
    assert with_keys == before
    moved = {user for user in USERS if without[user] != before[user]}
    assert moved == {user for user in USERS if before[user] == "two"}


@pytest.mark.thorough
async def test_callers_who_name_no_user_go_by_their_key(tmp_path: Path) -> None:
    """Each key to one replica, and different ones to all of them."""
    async with running(tmp_path) as cluster:
        for number in range(30):
            for _ in range(2):
                await cluster.http.get("/memory/memories", headers={"Authorization": f"Bearer {number}"})
        keys = {name: [one.headers["authorization"] for one in asked] for name, asked in cluster.asked().items()}

    assert all(keys.values())
    assert sorted(key for found in keys.values() for key in set(found)) == sorted(f"Bearer {n}" for n in range(30))


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("method", "path", "headers", "size", "status"),
    [
        ("GET", "/memory/memories", {}, 0, 200),
        ("POST", "/memory/recall", {}, FITS, 200),
        ("POST", "/memory/recall/batch", {}, FITS, 200),
        ("POST", "/memory/remember", {}, FITS, 502),
        ("POST", "/memory/remember", {"Idempotency-Key": "k"}, FITS, 200),
        ("POST", "/memory/remember", {"Idempotency-Key": "k"}, TOO_LARGE, 502),
        ("DELETE", "/memory/memories?confirm=everything", {}, 0, 502),
    ],
)
async def test_what_was_sent_is_sent_again_only_where_that_is_safe(
    method: str, path: str, headers: dict[str, str], size: int, status: int, tmp_path: Path
) -> None:
    """To another replica, when the first one broke off; otherwise the caller is told so."""
    async with running(tmp_path) as cluster:
        first = (await cluster.places())[USERS[0]]
        cluster.forget()
        await cluster.replicas[first].become(Behaviour.RESET, only=lambda received: received.path != "/readyz")
        # A connection of its own: on one that is kept the client would be left without an answer, to ask once more.
        async with httpx.AsyncClient(base_url=cluster.http.base_url, trust_env=False) as http:
            sent = {"X-User-ID": USERS[0], **headers}
            response = await http.request(method, path, headers=sent, content=b"x" * size)
        others = [one for name, asked in cluster.asked().items() if name != first for one in asked]

    assert (response.status_code, len(others)) == (status, 1 if status == 200 else 0)
