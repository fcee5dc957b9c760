"""A crowd of clients that live with the service: each writes, reads, waits, and comes back when it is told to."""

import asyncio
from collections import Counter
from random import Random

import httpx

_CLIENT_SECONDS = 60.0
_PAUSE = 2.0  # seconds between two requests of a client, on average


class Crowd:
    """So many clients, each a user of its own over a connection of its own; `statuses` is what they were answered."""

    def __init__(self, url: str, clients: int) -> None:
        self.statuses: Counter[int] = Counter()
        self.lost = 0
        self.without_retry_after = 0
        self._url, self._clients = url, clients

    async def live(self, seconds: float) -> None:
        """Let all of them live for so long, and leave."""
        loop = asyncio.get_running_loop()
        until = loop.time() + seconds
        await asyncio.gather(*(self._client(number, until) for number in range(self._clients)))

    async def _client(self, number: int, until: float) -> None:
        chance, loop = Random(number), asyncio.get_running_loop()
        headers = {"X-User-ID": f"crowd-{number}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=_CLIENT_SECONDS, trust_env=False
        ) as http:
            await asyncio.sleep(chance.uniform(0, _PAUSE))
            while loop.time() < until:
                pause = max(await self._ask(http, chance), chance.expovariate(1 / _PAUSE))
                await asyncio.sleep(min(pause, until - loop.time()))

    async def _ask(self, http: httpx.AsyncClient, chance: Random) -> float:
        """Send one request; return the seconds after which the client may come back."""
        method, path, body = chance.choice(
            [
                ("POST", "/memory/remember", {"content": f"tea number {chance.random()}"}),
                ("POST", "/memory/recall", {"query": "which tea"}),
                ("POST", "/memory/recall/batch", {"queries": [{"query": f"tea {number}"} for number in range(5)]}),
                ("GET", "/memory/memories", None),
            ]
        )
        try:
            answer = await http.request(method, path, json=body)
        except httpx.TransportError:
            self.lost += 1
            return 0.0
        self.statuses[answer.status_code] += 1
        if answer.status_code != httpx.codes.SERVICE_UNAVAILABLE:
            return 0.0
        self.without_retry_after += "retry-after" not in answer.headers
        return float(answer.headers.get("retry-after", 0))
