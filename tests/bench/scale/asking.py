"""What one request takes over HTTP, at several sizes in turns, so that what else the machine does meets all alike."""

import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from itertools import count
from math import ceil
from random import Random
from time import perf_counter

from msgspec import Struct

from tests.bench.load import HttpClient
from tests.bench.scale.filling import user_of
from tests.bench.service import text_of

ROUNDS = 12
REQUESTS = 50  # of each kind in a round
ACTIVE = 50  # users who ask again and again

_WORDS_OF_A_QUESTION = 6
_fresh = count()


class Latencies(Struct, frozen=True):
    """What each request took, in milliseconds."""

    values: list[float]

    def quantile(self, share: float) -> float:
        """Return the time that this share of the requests did not exceed."""
        return sorted(self.values)[max(0, ceil(share * len(self.values)) - 1)]


class Asked:
    """A service over a number of users, who are asked for at random."""

    def __init__(self, users: int, client: HttpClient, random: Random) -> None:
        self._users, self._client, self._random = users, client, random
        self._active = random.sample(range(users), min(ACTIVE, users))

    @classmethod
    async def connect(cls, port: int, users: int) -> "Asked":
        """Connect to the service, and let the active users ask once."""
        asked = cls(users, await HttpClient.connect(port), Random(users))
        for user in asked._active:
            await asked._recall(user)
        return asked

    def kinds(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return what is measured by its name."""
        return {
            "recall, active users": lambda: self._recall(self._random.choice(self._active)),
            "recall, any user": lambda: self._recall(self._random.randrange(self._users)),
            "remember": self._remember,
            "list": self._list,
        }

    def close(self) -> None:
        """Close the connection."""
        self._client.close()

    async def _recall(self, user: int) -> None:
        body = json.dumps({"query": text_of(self._random, _WORDS_OF_A_QUESTION)}).encode()
        await self._client.post("/memory/recall", user_of(user), body)

    async def _remember(self) -> None:
        body = json.dumps({"content": f"{text_of(self._random, 20)} {next(_fresh)}"}).encode()
        await self._client.post("/memory/remember", user_of(self._random.randrange(self._users)), body)

    async def _list(self) -> None:
        await self._client.get("/memory/memories?limit=20", user_of(self._random.randrange(self._users)))


async def in_turns(ports: Mapping[int, int], users: Callable[[int], int]) -> dict[int, dict[str, Latencies]]:
    """Measure every kind of request at every size; `ports` are the services by their numbers of memories."""
    services = {size: await Asked.connect(port, users(size)) for size, port in ports.items()}
    measured: dict[int, dict[str, Latencies]] = {
        size: {kind: Latencies([]) for kind in service.kinds()} for size, service in services.items()
    }
    for number in range(ROUNDS):
        for kind in next(iter(services.values())).kinds():
            for size in _turned(list(services), number):
                work = services[size].kinds()[kind]
                for _ in range(REQUESTS):
                    began = perf_counter()
                    await work()
                    measured[size][kind].values.append((perf_counter() - began) * 1000)
    for service in services.values():
        service.close()
    return measured


def _turned(sizes: Sequence[int], number: int) -> Sequence[int]:
    return sizes[::-1] if number % 2 else sizes
