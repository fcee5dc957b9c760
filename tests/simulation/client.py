"""A client of a run: acts one step after the other, and writes down what it sees."""

import asyncio
from collections.abc import Sequence
from functools import cache
from random import Random

from msgspec import Struct

from observability import notes
from observability.notes import Notes
from providers.base import MemoryProvider
from providers.clock import keyed_memory_id
from providers.errors import Conflict, CursorLost, MemoryDeleted, MemoryNotFound, ProviderError, Unavailable
from providers.types import MemoryRecord, NewMemory, Position, RecallQuery
from tests.simulation.history import Ending, Event, Seen
from tests.simulation.script import MEMORIES, Act, Step
from tests.simulation.world import World

PATIENCE = 4.0  # seconds until a client gives up on a try
_PAGE = 3
_BATCH = 3

Answer = Sequence[MemoryRecord] | str | ProviderError

_ENDINGS: tuple[tuple[type[ProviderError], Ending], ...] = (
    (Unavailable, Ending.UNKNOWN),
    (CursorLost, Ending.UNKNOWN),
    (Conflict, Ending.CONFLICT),
    (MemoryNotFound, Ending.ABSENT),
    (MemoryDeleted, Ending.ABSENT),
)


class Part(Struct, frozen=True, kw_only=True):
    """What one step does to one memory, or asks about one user; a step may have several."""

    act: Act
    user: str
    query: str
    memory: str | None = None
    content: str | None = None
    tag: str | None = None


class Outcome(Struct, frozen=True):
    """How a part ended at one try."""

    ending: Ending = Ending.UNKNOWN
    seen: tuple[Seen, ...] = ()
    memory: str | None = None  # that was stored
    told: Notes = Notes("nobody")


class Client:
    """Does the steps of one client."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._steps = [step for step in world.script.steps if step.client == number]
        self._chance = Random(f"client {world.script.seed} {number}")
        self.events: list[Event] = []

    async def act(self) -> None:
        """Do all steps."""
        for place, step in enumerate(self._steps):
            await asyncio.sleep(step.wait)
            await self.do(place, step)

    async def do(self, place: int, step: Step) -> None:
        """Do one step, with all of its tries."""
        world = self._world
        parts = parts_of(step, place)
        started = world.clock()
        outcomes = [Outcome() for _ in parts]
        replica, homes = step.replica, [world.home_at(step.replica)]
        for _ in range(step.retries + 1):
            homes.append(world.home_at(replica))
            told = Notes("simulated")
            told.patience = step.patience
            told.session = "a token" if step.session else None
            latest = await self._try(replica, step, parts, told, edit_of(step.client, place))
            homes.append(world.home_at(replica))
            # What was answered once stays answered, whatever a repetition meets.
            outcomes = [new if old.ending is Ending.UNKNOWN else old for old, new in zip(outcomes, latest, strict=True)]
            if step.act is Act.NOTE or all(outcome.ending is not Ending.UNKNOWN for outcome in outcomes):
                break
            replica = self._chance.randrange(len(world.replicas))
            await asyncio.sleep(self._chance.uniform(0, 0.5))
        for part, outcome in zip(parts, outcomes, strict=True):
            self.events.append(
                Event(
                    act=part.act,
                    user=part.user,
                    memory=part.memory or outcome.memory,
                    content=part.content,
                    tag=part.tag,
                    started=started,
                    ended=world.clock(),
                    ending=outcome.ending,
                    clash=step.clash,
                    session=step.session,
                    homes=tuple(homes),
                    query=part.query,
                    seen=outcome.seen,
                    eventual=outcome.told.eventual,
                    provider=outcome.told.provider,
                    degraded=bool(outcome.told.degraded),
                )
            )

    async def _try(self, index: int, step: Step, parts: Sequence[Part], told: Notes, edit_id: str) -> Sequence[Outcome]:
        replica = self._world.replicas[index]
        open_ends = [Outcome()] * len(parts)
        if replica is None:
            return open_ends

        async def asked() -> Sequence[Answer]:
            notes.current.set(told)
            return await _ask(replica.provider, step.act, parts, edit_id, told)

        task = replica.spawn(asked())
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        if not done:
            task.cancel()
            return open_ends
        try:
            answers = task.result()
        except asyncio.CancelledError:
            return open_ends
        except ProviderError as error:
            answers = [error] * len(parts)
        return [_outcome(answer, told) for answer in answers]


@cache
def user_of(memory: int) -> str:
    """Whose memory this is."""
    return f"user-{memory % 2}"


@cache
def id_of(memory: int) -> str:
    """The id that its key gives it."""
    return keyed_memory_id(f"memory {memory}")


@cache
def edit_of(client: int, place: int) -> str:
    """The id of the change that a client's step makes."""
    return keyed_memory_id(f"edit {client} {place}")


def parts_of(step: Step, place: int) -> Sequence[Part]:
    """Take a step apart."""
    memory, user, query = step.memory, user_of(step.memory), f"m{step.memory}"
    mark = f"{step.client}x{place}"
    match step.act:
        case Act.REMEMBER:
            return [_remembering(memory, clash=step.clash)]
        case Act.BATCH:
            return [_remembering((memory + more) % MEMORIES, clash=step.clash) for more in range(_BATCH)]
        case Act.NOTE:
            return [Part(act=Act.REMEMBER, user=user, query=query, content=f"n{mark} {query}")]
        case Act.UPDATE:
            return [Part(act=step.act, user=user, query=query, memory=id_of(memory), content=f"{query} edit{mark}")]
        case Act.TAG:
            return [Part(act=step.act, user=user, query=query, memory=id_of(memory), tag=f"t{mark}")]
        case Act.DELETE | Act.GET:
            return [Part(act=step.act, user=user, query=query, memory=id_of(memory))]
        case Act.LIST | Act.PAGES:
            return [Part(act=Act.LIST, user=user, query=query)]
        case Act.RECALL:
            return [Part(act=step.act, user=user, query=query)]
        case Act.ASK:
            return [Part(act=Act.RECALL, user=user_of(one), query=f"m{one}") for one in (memory, memory + 1)]


def _remembering(memory: int, *, clash: bool) -> Part:
    content = f"m{memory} clash" if clash else f"m{memory} first"
    return Part(act=Act.REMEMBER, user=user_of(memory), query=f"m{memory}", memory=id_of(memory), content=content)


async def _ask(
    provider: MemoryProvider, act: Act, parts: Sequence[Part], edit_id: str, told: Notes
) -> Sequence[Answer]:
    part = parts[0]
    memory = part.memory or ""
    match act:
        case Act.REMEMBER | Act.NOTE:
            return [await provider.remember(part.user, part.content or "", memory_id=part.memory)]
        case Act.BATCH:
            return await provider.remember_many(
                [NewMemory(user_id=one.user, content=one.content or "", memory_id=one.memory) for one in parts]
            )
        case Act.UPDATE:
            return [[await provider.update(part.user, memory, content=part.content or "", edit_id=edit_id)]]
        case Act.TAG:
            return [[await provider.update(part.user, memory, metadata={"tag": part.tag}, edit_id=edit_id)]]
        case Act.DELETE:
            found = await provider.delete(part.user, memory, edit_id=edit_id)
            return [[] if found else MemoryNotFound(memory)]
        case Act.GET:
            return [[await provider.get(part.user, memory)]]
        case Act.LIST:
            return [await provider.list_memories(part.user)]
        case Act.PAGES:
            return [await _pages(provider, part.user, told)]
        case Act.RECALL:
            return [await provider.recall(part.user, part.query)]
        case Act.ASK:
            return await provider.recall_many([RecallQuery(user_id=one.user, query=one.query) for one in parts])


async def _pages(provider: MemoryProvider, user: str, told: Notes) -> list[MemoryRecord]:
    found: list[MemoryRecord] = []
    after = None
    while True:
        page = await provider.list_memories(user, _PAGE, after=after)
        found += page
        if len(page) < _PAGE:
            return found
        told.page_of = told.page_of or told.provider
        after = Position(page[-1].created_at, page[-1].id)


def _outcome(answer: Answer, told: Notes) -> Outcome:
    if isinstance(answer, str):
        return Outcome(Ending.DONE, memory=answer, told=told)
    if isinstance(answer, ProviderError):
        for kind, ending in _ENDINGS:
            if isinstance(answer, kind):
                return Outcome(ending, told=told)
        raise answer
    return Outcome(Ending.DONE, tuple(_seen(record) for record in answer), told=told)


def _seen(record: MemoryRecord) -> Seen:
    return Seen(record.id, record.content, None if record.metadata is None else record.metadata.get("tag"))
