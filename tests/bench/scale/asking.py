"""What one request takes over HTTP, at several sizes in turns, so that what else the machine does meets all alike."""

import json
from collections.abc import Awaitable, Callable, Container, Mapping, Sequence
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


class Ports(Struct, frozen=True):
    """Where a service is asked for a number of memories, and one beside it that keeps no index."""

    service: int
    keeping_none: int


class Latencies(Struct, frozen=True):
    """What each request took, in milliseconds."""

    values: list[float]

    def quantile(self, share: float) -> float:
        """Return the time that this share of the requests did not exceed."""
        return sorted(self.values)[max(0, ceil(share * len(self.values)) - 1)]


ANY_USER = "recall, any user"
LOADING = "recall, index loads"


class Asked:
    """A service over a number of users, who are asked for at random, and one that keeps no user's index."""

    def __init__(self, users: Sequence[int], ports: Ports, random: Random) -> None:
        self._users, self._ports, self._random = users, ports, random
        self._active = random.sample(users, min(ACTIVE, len(users)))

    async def wake(self) -> None:
        """Let the active users ask once."""
        await self.connect()
        for user in self._active:
            await self._recall(user)
        self.close()

    async def connect(self) -> None:
        """Connect to the services, which close connections that are idle for long."""
        self._client = await HttpClient.connect(self._ports.service)
        self._keeping_none = await HttpClient.connect(self._ports.keeping_none)

    def kinds(self) -> Mapping[str, Callable[[], Awaitable[None]]]:
        """Return what is measured by its name."""
        return {
            "recall, active users": lambda: self._recall(self._random.choice(self._active)),
            ANY_USER: lambda: self._recall(self._random.choice(self._users)),
            LOADING: lambda: self._recall(self._random.choice(self._users), self._keeping_none),
            "remember": self._remember,
            "list": self._list,
        }

    def close(self) -> None:
        """Close the connections."""
        self._client.close()
        self._keeping_none.close()

    async def _recall(self, user: int, client: HttpClient | None = None) -> None:
        body = json.dumps({"query": text_of(self._random, _WORDS_OF_A_QUESTION)}).encode()
        await (client or self._client).post("/memory/recall", user_of(user), body)

    async def _remember(self) -> None:
        body = json.dumps({"content": f"{text_of(self._random, 20)} {next(_fresh)}"}).encode()
        await self._client.post("/memory/remember", user_of(self._random.choice(self._users)), body)

    async def _list(self) -> None:
        await self._client.get("/memory/memories?limit=20", user_of(self._random.choice(self._users)))


async def in_turns(
    ports: Mapping[int, Ports], users: Mapping[int, Sequence[int]], only: Container[str] | None = None
) -> dict[int, dict[str, Latencies]]:
    """Measure every kind of request, or `only` some, at every size; `ports` are the services by numbers of memories."""
    services = {size: Asked(users[size], port, Random(len(users[size]))) for size, port in ports.items()}
    for service in services.values():
        await service.wake()
    kinds = [kind for kind in next(iter(services.values())).kinds() if only is None or kind in only]
    measured = {size: {kind: Latencies([]) for kind in kinds} for size in services}
    for number in range(ROUNDS):
        for kind in kinds:
            for size in _turned(list(services), number):
                service = services[size]
                await service.connect()
                work = service.kinds()[kind]
                for _ in range(REQUESTS):
                    began = perf_counter()
                    await work()
                    measured[size][kind].values.append((perf_counter() - began) * 1000)
                service.close()
    return measured


def _turned(sizes: Sequence[int], number: int) -> Sequence[int]:
    return sizes[::-1] if number % 2 else sizes
