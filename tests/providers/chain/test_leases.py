"""Deliveries under way: made by one holder, however slow; and by somebody else soon after that one's end."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from providers.chain.attempts import Attempts
from providers.chain.leasing import LEASE_SECONDS, RENEWED_EVERY
from providers.chain.link import Link
from providers.chain.policy import AttemptPolicy, OperationPolicy, ReplayPolicy
from providers.errors import Conflict, MemoryDeleted, ProviderError
from providers.journal.operations import OperationKind
from providers.owners import Owner
from providers.types import NewMemory, Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, failure_of, key, play, running
from tests.support.chain_rig import ChainRig, route_of, seeded

SLOW = 4 * LEASE_SECONDS  # seconds that a provider takes
LATE = 1.0  # seconds after the end of a lease by when somebody has seen it
_CALM = OperationPolicy(deadline=10 * LEASE_SECONDS, try_limit=9 * LEASE_SECONDS)
_CALM_REPLAY = ReplayPolicy(deadline=10 * LEASE_SECONDS, try_limit=9 * LEASE_SECONDS)

Write = Callable[[Scene], Awaitable[object]]


def patient(scene: Scene) -> None:
    """Allow every provider more time for a write than a lease lasts."""
    policy = AttemptPolicy(remember=_CALM, delete=_CALM, replay=_CALM_REPLAY)
    chance = seeded("patient")
    scene.links = {
        name: Link(name, scene.providers[name], Attempts(policy, link.attempts.guards, chance=chance, now=scene.clock))
        for name, link in scene.links.items()
    }
    scene.chained.route = route_of(scene.links.values())


async def remember_one(scene: Scene) -> None:
    """Store one memory."""
    await scene.chain.remember(USER, "tea")


async def remember_two(scene: Scene) -> None:
    """Store two memories in one call."""
    await scene.remember("tea", "coffee")


def test_a_slow_delivery_is_made_once() -> None:
    """Its lease is renewed as long as it takes, and whoever else delivers leaves it alone."""

    async def act(scene: Scene) -> None:
        patient(scene)
        await scene.remember("tea")
        scene.standby.seconds = SLOW

        async with running(scene.relay("standby")), running(scene.relay("standby")):
            await asyncio.sleep(SLOW + LATE)

        assert scene.standby.calls == ["store_many"]
        assert await scene.kept("standby") == ["tea"]
        assert await scene.journal.pending(10) == []

    play(act)


@pytest.mark.parametrize("after", [RENEWED_EVERY / 2, SLOW / 2])
def test_another_deliverer_takes_over_when_the_lease_ends(after: float) -> None:
    """So long, and not the time that a delivery may take, nobody delivers what a crashed process was at."""

    async def act(scene: Scene) -> None:
        patient(scene)
        await scene.remember("tea")
        scene.standby.seconds = SLOW
        async with running(scene.relay("standby")):
            await asyncio.sleep(after)
        scene.standby.seconds = 0.0

        async with running(scene.relay("standby")):
            await asyncio.sleep(LEASE_SECONDS - RENEWED_EVERY - LATE)
            before = await scene.kept("standby")
            await asyncio.sleep(RENEWED_EVERY + 2 * LATE)

        assert (before, await scene.kept("standby")) == ([], ["tea"])

    play(act)


@pytest.mark.parametrize(("write", "call"), [(remember_one, "store_many"), (remember_two, "store_many")])
def test_a_slow_write_is_made_once(write: Write, call: str) -> None:
    """The relay leaves home alone for as long as the try goes on, whose caller was answered long before."""

    async def act(scene: Scene) -> None:
        patient(scene)
        scene.home.seconds = SLOW

        async with running(scene.relay("home")):
            started = scene.clock()
            await write(scene)
            waited = scene.clock() - started
            await asyncio.sleep(SLOW + LATE)

        assert (scene.told.accepted, scene.told.degraded) == (True, ["home_slow"])
        assert waited < LEASE_SECONDS
        assert scene.home.calls == [call]
        assert "home" not in {delivery.provider for delivery in await scene.journal.pending(10)}

    play(act)


@pytest.mark.parametrize("write", [remember_one, remember_two])
@pytest.mark.parametrize("after", [RENEWED_EVERY / 2, SLOW / 2])
def test_the_deliverer_takes_over_a_write_when_the_lease_ends(write: Write, after: float) -> None:
    """So long, and not the time that the caller would have waited, home is without what a crashed process accepted."""

    async def act(scene: Scene) -> None:
        patient(scene)
        scene.home.seconds = SLOW
        writing = asyncio.ensure_future(write(scene))
        await asyncio.sleep(after)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        await scene.chained.tries.stop()
        scene.home.seconds = 0.0

        async with running(scene.relay("home")):
            await asyncio.sleep(LEASE_SECONDS + LATE)

        assert await scene.kept("home") != []

    play(act)


def test_a_journal_that_is_gone_meanwhile_does_no_harm() -> None:
    """Nothing can be renewed; what is taken over by somebody else is delivered twice, and kept once."""

    async def act(scene: Scene) -> None:
        patient(scene)
        scene.home.seconds = SLOW
        writing = asyncio.ensure_future(scene.chain.remember(USER, "tea"))
        await asyncio.sleep(LATE)
        scene.lose_journal()
        await asyncio.sleep(LEASE_SECONDS)
        scene.find_journal()

        async with running(scene.relay("home")):
            await writing
            await asyncio.sleep(SLOW)

        assert sorted(scene.home.calls) == ["store_many", "store_many"]
        assert await scene.kept("home") == ["tea"]
        assert [delivery.provider for delivery in await scene.journal.pending(10)] == ["standby"]

    play(act)


def test_a_change_follows_a_slow_write_at_once() -> None:
    """One that another process makes, whose home is elsewhere: it waits for home's word on the first, and no longer."""

    async def act(scene: Scene) -> None:
        memory_id = key()
        other = ChainRig(scene.journal, scene.clock).chained(route_of([scene.links["standby"], scene.links["home"]]))
        scene.home.seconds = 0.15
        async with running(scene.relay("home")):
            writing = asyncio.ensure_future(scene.chain.remember(USER, "tea", memory_id=memory_id))
            await asyncio.sleep(0.2)
            await other.update(USER, memory_id, content="coffee")
            before = list(scene.home.calls)
            await writing
            await asyncio.sleep(0.5)

        assert before == ["snapshot", "store_many"]
        assert scene.home.calls == ["snapshot", "store_many", "put_many"]
        assert await scene.kept("home") == ["coffee"]

    play(act)


async def late(scene: Scene, text: str, *, batch: bool) -> tuple[ProviderError, str]:
    """Store a memory where home alone knows of another or of its end, and cannot be asked; return the error."""
    memory_id = key()
    if text:
        await scene.home.remember(USER, text, memory_id=memory_id)
    else:
        await scene.home.put_many([Snapshot(user_id=USER, id=memory_id, version=1, content=None)])
    for provider in scene.providers.values():
        provider.failures["snapshot"] = DOWN
        provider.healing |= {"store_many"}
    if batch:
        [error] = await scene.chain.remember_many([NewMemory(owner=Owner(USER), content="tea", memory_id=memory_id)])
        assert isinstance(error, ProviderError)
        return error, memory_id
    return await failure_of(scene.chain.remember(USER, "tea", memory_id=memory_id)), memory_id


@pytest.mark.parametrize("batch", [False, True])
@pytest.mark.parametrize(
    ("there", "refusal", "kind"),
    [("", MemoryDeleted, OperationKind.DELETE), ("coffee", Conflict, OperationKind.UPDATE)],
)
def test_what_is_put_in_the_place_of_a_refused_write_waits_for_nobody(
    there: str, refusal: type[ProviderError], kind: OperationKind, *, batch: bool
) -> None:
    """The refused write is under way no more, so that what home knows better is due everywhere at once."""

    async def act(scene: Scene) -> None:
        error, memory_id = await late(scene, there, batch=batch)
        await asyncio.sleep(0.1)  # settlements may be under way

        assert isinstance(error, refusal)
        for name in scene.providers:
            due = await scene.journal.lease(name, 10, 0.0)
            assert [(delivery.state.id, delivery.kind) for delivery in due] == [(memory_id, kind)]
        assert await scene.dead() == []

    play(act)
