"""A chain over providers in memory that fail when they are told to, and over a journal in memory, in simulated time."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine, Sequence
from contextlib import asynccontextmanager
from typing import Any
from uuid import uuid4

from observability import notes
from providers.chain.observer import ChainObserver
from providers.chain.policy import RelayPolicy
from providers.chain.relay import OutboxRelay
from providers.errors import ProviderError, Unavailable
from providers.journal.operations import DeadLetter, MemberState
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.types import NewMemory, PageQuery
from tests.providers.chain.rig import fail
from tests.support.chain_rig import ChainRig, Guarding, JournalInMemory, link_of, route_of
from tests.support.clock import FakeClock, simulate
from tests.support.frail import FrailProvider
from tests.support.listening import Listening, Told

USER = "kannan"
DOWN = Unavailable("down")
FOREVER = 1e6  # seconds
GUARDING = Guarding(concurrency=16)


def key() -> str:
    """Return a memory's id, as an `Idempotency-Key` gives one."""
    return str(uuid4())


class Scene:
    """Two or more providers, all of them complete members, with a chain over them."""

    def __init__(
        self, clock: FakeClock, names: Sequence[str], made: Callable[[FakeClock], FrailProvider] = FrailProvider
    ) -> None:
        self.clock = clock
        self.journal = JournalInMemory(clock)
        self.runner = self.journal.runner
        self.rig = ChainRig(self.journal, clock)
        self.versions = self.rig.versions
        self.observer: ChainObserver | None = None
        self.providers = {name: made(clock) for name in names}
        self.links = {name: link_of(name, provider, clock, GUARDING) for name, provider in self.providers.items()}
        self.chained = self.rig.chained(route_of(self.links.values()))
        self.chain = Listening(self.chained)
        self.told = Told("a request")
        notes.current.set(self.told)

    @property
    def home(self) -> FrailProvider:
        """The first provider."""
        return next(iter(self.providers.values()))

    @property
    def standby(self) -> FrailProvider:
        """The second provider."""
        return list(self.providers.values())[1]

    def watch(self, observer: ChainObserver) -> None:
        """Let an observer see what the chain and the relays do from now on."""
        self.observer = observer
        self.chained = self.rig.chained(self.chained.route, observer)
        self.chain = Listening(self.chained)

    def listen(self) -> Told:
        """Begin another request, and return its notes."""
        self.told = Told("another request")
        notes.current.set(self.told)
        return self.told

    def lose_journal(self) -> None:
        """Put the journal out of reach."""
        self.runner.down = True

    def stop_journal(self) -> None:
        """Let the journal answer nothing, not even that it cannot."""
        self.runner.seconds_before = FOREVER

    def find_journal(self) -> None:
        """Let the journal answer again."""
        self.runner.recover()

    def relay(self, name: str, policy: RelayPolicy | None = None) -> OutboxRelay:
        """Return a relay to one provider."""
        return self.rig.relay(name, lambda: self.links[name], policy, self.observer)

    async def remember(self, *texts: str) -> None:
        """Store memories, one operation each."""
        await self.chain.remember_many([NewMemory(owner=Owner(USER), content=text) for text in texts])

    async def deliver(self) -> None:
        """Deliver everything that is due."""
        for name in self.providers:
            relay = self.relay(name)
            while await relay.deliver_some():
                pass

    async def forget(self) -> None:
        """Deliver everything, and let the journal forget it."""
        await self.deliver()
        await self.journal.prune(0.0)

    async def kept(self, name: str) -> list[str]:
        """Return the texts that one provider holds."""
        provider = self.providers[name]
        page = await MockMemoryProvider.page(provider, PageQuery(owner=Owner(USER)))
        return [record.content for record in page.memories]

    async def dead(self) -> list[DeadLetter]:
        """Return all dead letters."""
        await asyncio.sleep(0.1)  # settlements may be under way
        return await self.journal.dead(100)

    async def operations(self) -> int:
        """Return how many memories the journal knows of."""
        return (await self.journal.status()).operations

    def open_breakers(self) -> None:
        """Let every breaker see enough failures to open."""
        for link in self.links.values():
            while not link.attempts.guards.breaker.refuses():
                fail(link.attempts.guards.breaker)


def play(
    act: Callable[[Scene], Coroutine[Any, Any, None]],
    *names: str,
    made: Callable[[FakeClock], FrailProvider] = FrailProvider,
) -> None:
    """Run a test on a scene to its end, whose providers are made by `made`."""

    async def main(clock: FakeClock) -> None:
        scene = Scene(clock, names or ("home", "standby"), made)
        for name, provider in scene.providers.items():
            await scene.journal.join(name, await MockMemoryProvider.identity(provider))
            await scene.journal.mark(name, MemberState.COMPLETE)
        await act(scene)
        await scene.chained.tries.stop()
        await asyncio.sleep(1)  # for settlements under way
        await scene.journal.close()

    simulate(main)


@asynccontextmanager
async def running(relay: OutboxRelay) -> AsyncIterator[None]:
    """Let a relay work for as long as the context lasts."""
    task = asyncio.create_task(relay.run())
    yield
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def failure_of(asked: Awaitable[object]) -> ProviderError:
    """Return the error that a call ends with."""
    try:
        answer = await asked
    except ProviderError as error:
        return error
    raise AssertionError(f"answered: {answer}")
