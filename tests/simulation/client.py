"""A client of a run: acts one step after the other, and writes down what it sees."""

import asyncio
from collections.abc import Sequence
from random import Random

from msgspec import Struct, field

from observability import notes
from providers.chain.overlay import UNVERIFIED
from providers.errors import (
    Conflict,
    CursorLost,
    MemoryDeleted,
    MemoryNotFound,
    ProviderError,
    QuotaExceeded,
    SessionLost,
    Unavailable,
)
from providers.types import MemoryRecord
from tests.simulation.acting import Answer, Part, ask, edit_of, parts_of
from tests.simulation.events import Ending, Event, Seen
from tests.simulation.script import Act, Step
from tests.simulation.world import World
from tests.support.listening import Listening, Told

PATIENCE = 4.0  # seconds until a client gives up on a try

_ENDINGS: tuple[tuple[type[ProviderError], Ending], ...] = (
    (Unavailable, Ending.UNKNOWN),
    (CursorLost, Ending.UNKNOWN),
    (QuotaExceeded, Ending.UNKNOWN),  # another try may find room
    (SessionLost, Ending.LOST),
    (Conflict, Ending.CONFLICT),
    (MemoryNotFound, Ending.ABSENT),
    (MemoryDeleted, Ending.ABSENT),
)


class Outcome(Struct, frozen=True):
    """How a part ended at one try."""

    ending: Ending = Ending.UNKNOWN
    seen: tuple[Seen, ...] = ()
    memory: str | None = None  # that was stored
    told: Told = field(default_factory=lambda: Told("nobody"))


class Client:
    """Does the steps of one client."""

    def __init__(self, world: World, number: int) -> None:
        self._world = world
        self._steps = [step for step in world.script.steps if step.client == number]
        self._chance = Random(f"client {world.script.seed} {number}")
        self._token: str | None = None  # of its last write
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
        started = world.reading()
        outcomes = [Outcome() for _ in parts]
        replica, homes = step.replica, [world.home_at(step.replica)]
        skews = [0.0]  # of the stores, whose clocks are right
        session = self._token if step.session else None
        for _ in range(step.retries + 1):
            homes.append(world.home_at(replica))
            skews.append(world.script.skews[replica])
            told = Told("simulated")
            told.patience = step.patience
            told.session = session
            asked = world.replicas[replica]
            before = 0 if asked is None else len(asked.homes)
            latest = await self._try(replica, step, parts, told, edit_of(step.client, place))
            # An act is several calls, and while they are made another provider may be home for a moment.
            homes += [] if asked is None else asked.homes[before:]
            homes.append(world.home_at(replica))
            # What was answered once stays answered, whatever a repetition meets.
            outcomes = [new if old.ending is Ending.UNKNOWN else old for old, new in zip(outcomes, latest, strict=True)]
            if step.act is Act.NOTE or all(outcome.ending is not Ending.UNKNOWN for outcome in outcomes):
                break
            replica = self._chance.randrange(len(world.replicas))
            await asyncio.sleep(self._chance.uniform(0, 0.5))
        self._note(step, parts, outcomes, started, homes, session, skews=skews)
        if step.again and step.act is Act.DELETE and outcomes[0].ending is not Ending.UNKNOWN:
            repeated_at = world.reading()
            told = Told("simulated")
            asked = world.replicas[replica]
            before = 0 if asked is None else len(asked.homes)
            repeated = await self._try(replica, step, parts, told, edit_of(step.client, place))
            homes = [*homes, *([] if asked is None else asked.homes[before:]), world.home_at(replica)]
            self._note(step, parts, repeated, repeated_at, homes, first=self.events[-1])

    def _note(
        self,
        step: Step,
        parts: Sequence[Part],
        outcomes: Sequence[Outcome],
        started: float,
        homes: Sequence[str | None],
        session: str | None = None,
        first: Event | None = None,
        skews: Sequence[float] = (0.0,),
    ) -> None:
        ended = self._world.reading()
        for part, outcome in zip(parts, outcomes, strict=True):
            self.events.append(
                Event(
                    act=part.act,
                    user=part.user,
                    memory=part.memory or outcome.memory,
                    content=part.content,
                    tag=part.tag,
                    started=started,
                    ended=ended,
                    ending=outcome.ending,
                    clash=step.clash,
                    session=session is not None,
                    homes=tuple(homes),
                    query=part.query,
                    seen=outcome.seen,
                    eventual=outcome.told.eventual,
                    unverified=UNVERIFIED in outcome.told.degraded,
                    provider=outcome.told.provider,
                    degraded=bool(outcome.told.degraded),
                    reasons=tuple(outcome.told.degraded),
                    first=first,
                    expires=part.expires,
                    skews=tuple(skews),
                )
            )

    async def _try(self, index: int, step: Step, parts: Sequence[Part], told: Told, edit_id: str) -> Sequence[Outcome]:
        world, replica = self._world, self._world.replicas[index]
        open_ends = [Outcome()] * len(parts)
        if replica is None or not replica.serves:
            return open_ends

        async def asked() -> Sequence[Answer]:
            notes.current.set(told)
            called = world.design.called(replica.provider, lambda: replica.route)
            return await ask(Listening(called), step.act, parts, edit_id, replica.milliseconds)

        task = replica.spawn(asked())
        done, _ = await asyncio.wait([task], timeout=PATIENCE)
        if not done:
            task.cancel()
            return open_ends
        self._token = told.token or self._token
        try:
            answers = task.result()
        except asyncio.CancelledError:
            return open_ends
        except ProviderError as error:
            answers = [error] * len(parts)
        return [_outcome(answer, told) for answer in answers]


def _outcome(answer: Answer, told: Told) -> Outcome:
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
