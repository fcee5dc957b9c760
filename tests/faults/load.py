"""Clients of the real service under load: what they did and saw, as a history that the checker reads."""

import asyncio
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from random import Random
from types import MappingProxyType
from typing import Any, Protocol

import httpx
from msgspec import Struct

from app.auth.anonymous import ANONYMOUS
from providers.states.clock import keyed_memory_id
from tests.simulation.events import Ending, Event, Seen
from tests.simulation.script import Act

CLIENTS = 8
USERS = 24
MEMORIES = 12  # of each user

WEIGHTS: Mapping[Act, float] = MappingProxyType(
    {Act.REMEMBER: 8, Act.UPDATE: 3, Act.DELETE: 2, Act.GET: 4, Act.LIST: 2, Act.RECALL: 3, Act.CLEAR: 0.2}
)

_OF_A_USER = (Act.LIST, Act.RECALL, Act.CLEAR)
_TRIES = 4
_CLIENT_SECONDS = 10.0
_MISSING = {404, 410}


class Served(Protocol):
    """What answers at `url`, a service or a load balancer before several."""

    @property
    def url(self) -> str:
        """Where clients come."""


class Caller(Struct, frozen=True):
    """Who acts: a name, and the headers that prove it."""

    name: str = ANONYMOUS
    headers: dict[str, str] = {}


class Load:
    """Clients that act until a number of acts is done, or until told to stop; `weights` say how often they do what."""

    def __init__(
        self,
        service: Served,
        seed: int,
        homes: Sequence[str] = ("home",),
        caller: Caller = Caller(),  # noqa: B008 - a frozen value
        weights: Mapping[Act, float] = WEIGHTS,
    ) -> None:
        self.seed = seed
        self.events: list[Event] = []
        self.statuses: Counter[int] = Counter()
        self.refusals: list[str] = []  # promised ones: asked to come back later
        self.unanswered = 0
        self.broken_off: list[str] = []  # what became of each that was not answered
        self.surprises: list[str] = []
        self._service = service  # which may come back under another address
        self._homes = tuple(homes)
        self._caller, self._weights = caller, weights
        self._ended = False
        self._limits = httpx.Limits(max_connections=CLIENTS * 2)

    async def run(self, acts: int) -> None:
        """Act so many times in all, whatever goes wrong."""
        async with self._client_of(self._limits) as http:
            each = acts // CLIENTS
            await asyncio.gather(*(self._client(http, number, each) for number in range(CLIENTS)))

    def end(self) -> None:
        """Let every client stop after the act that it is at."""
        self._ended = True

    async def read_back(self) -> None:
        """Ask for everything once more; now every answer has to be there and to be right."""
        async with self._client_of(httpx.Limits()) as http:
            for user in sorted({event.user for event in self.events}):
                await self._do(http, Random(user), self._last_look(Act.LIST, user, 0))
                for number in range(MEMORIES):
                    await self._do(http, Random(user), self._last_look(Act.GET, user, number))

    def _client_of(self, limits: httpx.Limits) -> httpx.AsyncClient:
        return httpx.AsyncClient(timeout=_CLIENT_SECONDS, limits=limits, headers=self._caller.headers, trust_env=False)

    def _last_look(self, act: Act, user: str, number: int) -> "_Task":
        return _Task(act=act, user=user, number=number, caller=self._caller.name, final=True)

    async def _client(self, http: httpx.AsyncClient, number: int, acts: int) -> None:
        chance = Random(f"{self.seed} {number}")
        for turn in range(acts):
            if self._ended:
                return
            task = _Task(
                act=chance.choices([*self._weights], [*self._weights.values()])[0],
                user=f"user-{self.seed}-{chance.randrange(USERS)}",
                number=chance.randrange(MEMORIES),
                turn=f"{number}x{turn}",
                caller=self._caller.name,
            )
            await self._do(http, chance, task)

    async def _do(self, http: httpx.AsyncClient, chance: Random, task: "_Task") -> None:
        started = time.monotonic()
        response: httpx.Response | None = None
        for _ in range(_TRIES):
            response = await self._try(http, task.request())
            if response is not None and response.status_code != httpx.codes.SERVICE_UNAVAILABLE:
                break
            await asyncio.sleep(chance.uniform(0, 0.2))
        self.events.append(task.event(started, time.monotonic(), response, self._homes))

    async def _try(self, http: httpx.AsyncClient, request: dict[str, Any]) -> httpx.Response | None:
        try:
            response = await http.request(**{**request, "url": f"{self._service.url}{request['url']}"})
        except httpx.TransportError as error:
            self.unanswered += 1
            self.broken_off.append(f"{time.monotonic():.2f} {request['method']} {request['url']}: {error!r}")
            return None
        self.statuses[response.status_code] += 1
        if not _answers(response):
            promised = response.status_code == httpx.codes.SERVICE_UNAVAILABLE and "retry-after" in response.headers
            where = f"{request['method']} {request['url']}"
            said = f"{time.monotonic():.2f} {where}: {response.status_code} {response.text[:300]}"
            (self.refusals if promised else self.surprises).append(said)
        return response


class _Task(Struct, frozen=True, kw_only=True):
    """One act on one memory of a user; `turn` tells it from all others."""

    act: Act
    user: str
    number: int
    turn: str = ""
    caller: str = ANONYMOUS
    final: bool = False

    @property
    def mark(self) -> str:
        """The key of the memory, and the word by which it is found."""
        return f"m{self.number}"

    @property
    def memory_id(self) -> str:
        """The id that its key gives it."""
        return keyed_memory_id(self.caller, self.user, self.mark)

    @property
    def content(self) -> str | None:
        """What is written."""
        return {Act.REMEMBER: f"{self.mark} first", Act.UPDATE: f"{self.mark} edit{self.turn}"}.get(self.act)

    def request(self) -> dict[str, Any]:
        """What is sent, the same with every try."""
        one = f"/memory/memories/{self.memory_id}"
        requests: dict[Act, tuple[str, str, dict[str, Any]]] = {
            Act.REMEMBER: ("POST", "/memory/remember", {"json": {"content": self.content}}),
            Act.RECALL: ("POST", "/memory/recall", {"json": {"query": self.mark, "limit": 100}}),
            Act.LIST: ("GET", "/memory/memories", {}),
            Act.CLEAR: ("DELETE", "/memory/memories", {"params": {"confirm": "everything"}}),
            Act.GET: ("GET", one, {}),
            Act.UPDATE: ("PATCH", one, {"json": {"content": self.content}}),
            Act.DELETE: ("DELETE", one, {}),
        }
        method, url, rest = requests[self.act]
        headers = {"X-User-ID": self.user}
        if self.act in (Act.REMEMBER, Act.UPDATE, Act.DELETE):
            headers["Idempotency-Key"] = self.mark if self.act is Act.REMEMBER else self.turn
        return {"method": method, "url": url, "headers": headers, **rest}

    def event(self, started: float, ended: float, response: httpx.Response | None, homes: tuple[str, ...]) -> Event:
        """What the checker is told."""
        headers = httpx.Headers() if response is None else response.headers
        return Event(
            act=self.act,
            user=self.user,
            memory=None if self.act in _OF_A_USER else self.memory_id,
            content=self.content,
            started=started,
            ended=ended,
            ending=_ending(response),
            query=self.mark,
            seen=_seen(self.act, response),
            eventual=headers.get("memory-consistency") == "eventual",
            provider=headers.get("memory-provider"),
            degraded="memory-degraded" in headers,
            homes=homes,
            final=self.final,
        )


def _answers(response: httpx.Response) -> bool:
    """Return whether an answer tells what became of the act; what refuses its sender or the request does not."""
    return response.is_success or response.status_code in {*_MISSING, httpx.codes.CONFLICT}


def _ending(response: httpx.Response | None) -> Ending:
    if response is None or not _answers(response):
        return Ending.UNKNOWN
    if response.status_code in _MISSING:
        return Ending.ABSENT
    return Ending.CONFLICT if response.status_code == httpx.codes.CONFLICT else Ending.DONE


def _seen(act: Act, response: httpx.Response | None) -> tuple[Seen, ...]:
    if response is None or not response.is_success or act not in (Act.GET, Act.LIST, Act.RECALL):
        return ()
    body = response.json()
    memories = [body] if act is Act.GET else body["memories"]
    return tuple(Seen(memory["id"], memory["content"]) for memory in memories)
