"""A host whose processors are busy with something else, and clients that count what they are answered meanwhile."""

import asyncio
import contextlib
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from uuid import uuid4

import httpx

from tests.support.chains import wait_until_complete

LOOPS = 4
BATCH = 1_000  # memories
BIG_USER = "a user with many memories"

_CLIENT_SECONDS = 60.0  # longer than any deadline: the service is to say no itself


@contextlib.contextmanager
def busy_host(loops: int = LOOPS) -> Iterator[None]:
    """Keep the processors busy with so many processes that do nothing else."""
    processes = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(loops)]
    try:
        yield
    finally:
        for process in processes:
            process.kill()
            process.wait()


class Answers:
    """What clients were answered; `refusals` are those of the service, `lacking` those in which something is missing.

    `degraded` counts answers that say of themselves that they are less than they could be, by what they say.
    """

    def __init__(self, http: httpx.AsyncClient) -> None:
        self.statuses: Counter[str] = Counter()
        self.degraded: Counter[str] = Counter()
        self.refusals: list[str] = []
        self.lacking: list[str] = []
        self._http = http

    async def fill(self, memories: int) -> None:
        """Store so many memories of one user."""
        for start in range(0, memories, BATCH):
            batch = [{"content": f"tea number {number} of many, drunk in the morning"} for number in range(BATCH)]
            sent = {"memories": batch[: memories - start]}
            answer = await self._ask("fill", "POST", "/memory/remember/batch", BIG_USER, sent)
            assert answer.is_success, answer.text[:300]

    async def recall_at_once(self, clients: int, times: int) -> None:
        """Ask for the memories of the user who has many, `times` in turn by so many clients."""

        async def client(number: int) -> None:
            for turn in range(times):
                asked = {"query": f"which tea is number {number * times + turn}"}
                answer = await self._ask("recall of many", "POST", "/memory/recall", BIG_USER, asked)
                if answer.is_success and not answer.json()["memories"]:
                    self.lacking.append("recall of many")

        await asyncio.gather(*(client(number) for number in range(clients)))

    async def live_at_once(self, clients: int, times: int) -> None:
        """Do everything that can be done to a memory, `times` in turn by so many clients with users of their own."""
        lives = uuid4().hex

        async def client(number: int) -> None:
            for turn in range(times):
                await self._live(f"{lives}-{number}", f"coffee {turn} at noon")

        await asyncio.gather(*(client(number) for number in range(clients)))

    async def write_at_once(self, clients: int) -> None:
        """Remember with a key and without, change and delete, by so many clients with users of their own."""
        lives = uuid4().hex

        async def client(number: int) -> None:
            user = f"{lives}-{number}"
            for key in (None, "a key"):
                stored = await self._ask("remember", "POST", "/memory/remember", user, {"content": "tea"}, key=key)
                if not stored.is_success:
                    continue
                one = f"/memory/memories/{stored.json()['memory_id']}"
                if key is None:  # what nobody could tell from a repetition cannot be changed yet
                    await self._expect(200, "update", "PATCH", one, user, {"content": "water"})
                await self._expect(200, "delete", "DELETE", one, user)

        await asyncio.gather(*(client(number) for number in range(clients)))

    async def _live(self, user: str, content: str) -> None:
        told = {"content": content}
        stored = await self._ask("remember", "POST", "/memory/remember", user, told, key=content)
        if not stored.is_success:
            self.lacking += [] if stored.is_server_error else [f"remember: {stored.status_code}"]
            return
        one = f"/memory/memories/{stored.json()['memory_id']}"
        recalled = await self._ask("recall", "POST", "/memory/recall", user, {"query": content})
        listed = await self._ask("list", "GET", "/memory/memories", user)
        for what, answer in (("recall", recalled), ("list", listed)):
            if answer.is_success and content not in [memory["content"] for memory in answer.json()["memories"]]:
                self.lacking.append(what)
        await self._expect(200, "get", "GET", one, user)
        await self._expect(200, "update", "PATCH", one, user, {"content": "water"})
        await self._expect(200, "delete", "DELETE", one, user)
        await self._expect(404, "get again", "GET", one, user)

    async def _expect(self, status: int, what: str, method: str, path: str, user: str, json: object = None) -> None:
        answer = await self._ask(what, method, path, user, json)
        if not answer.is_server_error and answer.status_code not in (status, httpx.codes.ACCEPTED):
            self.lacking.append(f"{what}: {answer.status_code}")

    async def _ask(
        self, what: str, method: str, path: str, user: str, json: object = None, *, key: str | None = None
    ) -> httpx.Response:
        headers = {"X-User-ID": user} | ({} if key is None else {"Idempotency-Key": key})
        answer = await self._http.request(method, path, headers=headers, json=json)
        self.statuses[f"{what} {answer.status_code}"] += 1
        if "memory-degraded" in answer.headers:
            self.degraded[f"{what} {answer.headers['memory-degraded']}"] += 1
        if answer.is_server_error or answer.status_code == httpx.codes.TOO_MANY_REQUESTS:
            self.refusals.append(f"{what}: {answer.status_code} {answer.text[:300]}")
        return answer


@asynccontextmanager
async def clients_of(url: str) -> AsyncIterator[Answers]:
    """Clients of a service, and what they are answered."""
    limits = httpx.Limits(max_connections=200)
    async with httpx.AsyncClient(base_url=url, timeout=_CLIENT_SECONDS, limits=limits, trust_env=False) as http:
        yield Answers(http)


async def known_to_be_complete(url: str) -> None:
    """Wait until the service, and not only its journal, knows that every provider has received everything."""
    async with httpx.AsyncClient(base_url=url, timeout=_CLIENT_SECONDS, trust_env=False) as http:
        await wait_until_complete(http)
