"""A store of which one shard fails: its owners are served by the standby, and the others by their home as before."""

import asyncio

import pytest

from providers.chain.breaker import CircuitBreaker
from providers.chain.breaker_state import BreakerState
from providers.chain.errors import BreakerOpen
from providers.chain.policy import BreakerPolicy, OperationClass
from providers.chain.shard_breakers import NO_SHARD, ShardBreakers
from providers.errors import Unavailable
from providers.history import HistoryQuery
from providers.owners import Owner
from tests.providers.chain.scene import Scene, play
from tests.support.clock import FakeClock, simulate
from tests.support.frail import FrailProvider

USERS = [f"user-{number}" for number in range(8)]
ILL = {1}
LOST = [user for user in USERS if int(user[-1]) % 4 in ILL]
WELL = [user for user in USERS if user not in LOST]
TRIES = 6  # one more than what opens a breaker


def sharded(clock: FakeClock, *, keeps_history: bool = False) -> FrailProvider:
    """Return a provider with shards."""
    provider = FrailProvider(clock, keeps_history=keeps_history)
    provider.shards = 4
    return provider


async def remember_all(scene: Scene) -> None:
    """Store a memory of each user at home and at the standby, and let the journal forget them."""
    for user in USERS:
        await scene.chain.remember(user, "tea")
    await scene.forget()


async def answered_by(scene: Scene, user: str) -> str | None:
    """Recall, and return who has answered."""
    told = scene.listen()
    assert [memory.content for memory in await scene.chain.recall(user, "tea")] == ["tea"]
    return told.provider


async def pending(scene: Scene) -> int:
    """Return how many writes wait for home."""
    [backlog] = [one for one in (await scene.journal.status()).backlogs if one.provider == "home"]
    return backlog.pending


def test_one_ill_shard_sends_its_owners_alone_to_the_standby() -> None:
    """After the first failures its owners are not asked for at home any more, and all others still are."""

    async def act(scene: Scene) -> None:
        await remember_all(scene)
        home = scene.home
        home.ill = ILL
        for _ in range(TRIES):
            assert {await answered_by(scene, user) for user in LOST} == {"standby"}
            assert {await answered_by(scene, user) for user in WELL} == {"home"}
        met = home.refused
        guards = scene.links["home"].attempts.guards

        assert {await answered_by(scene, user) for user in LOST} == {"standby"}
        assert (home.refused, guards.shards.open) == (met, 1)
        assert guards.breaker.snapshot().state is BreakerState.CLOSED

    play(act, made=sharded)


def test_the_history_of_an_ill_shard_comes_from_the_standby() -> None:
    """It is about one owner as any other read is, so that its failures count for the shard."""

    async def act(scene: Scene) -> None:
        memory_id = await scene.chain.remember(LOST[0], "tea")
        await scene.forget()
        home = scene.home
        home.ill = ILL
        query = HistoryQuery(owner=Owner(LOST[0]), memory_id=memory_id)
        for _ in range(TRIES):
            page = await scene.chain.history(query)
            assert [state.content for state in page.versions] == ["tea"]
        met = home.refused

        await scene.chain.history(query)
        assert (home.refused, scene.links["home"].attempts.guards.shards.open) == (met, 1)

    play(act, made=lambda clock: sharded(clock, keeps_history=True))


def test_a_store_without_shards_sends_everybody_there() -> None:
    """Its failures say that it fails, whoever met them: so it was, and is for all others."""

    async def act(scene: Scene) -> None:
        await remember_all(scene)
        scene.home.failures["find"] = Unavailable("down")
        for _ in range(TRIES):
            await answered_by(scene, LOST[0])

        assert scene.links["home"].attempts.guards.breaker.refuses()
        assert await answered_by(scene, WELL[0]) == "standby"

    play(act, made=FrailProvider)


def test_writes_of_the_others_are_stored_at_home() -> None:
    """Those of the ill shard are accepted, and delivered once it is well; none becomes a dead letter meanwhile."""

    async def act(scene: Scene) -> None:
        await remember_all(scene)
        home = scene.home
        home.ill = ILL
        degraded = {}
        for turn in range(TRIES):
            for user in USERS:
                told = scene.listen()
                await scene.chain.remember(user, f"coffee {turn}")
                degraded[user] = told.degraded
        relay = scene.relay("home")
        for _ in range(40):
            await scene.deliver()
            await asyncio.sleep(30)
        waiting = await pending(scene)

        assert {user for user in USERS if not degraded[user]} == {*WELL}
        assert waiting == TRIES * len(LOST)
        assert await scene.dead() == []
        home.ill = set()
        for _ in range(40):
            await asyncio.sleep(60)
            while await relay.deliver_some():
                pass
        assert await pending(scene) == 0
        for user in USERS:
            assert len(await home.list_memories(user)) == 1 + TRIES

    play(act, made=sharded)


def test_an_ill_shard_that_is_well_again_is_asked_again() -> None:
    """Its own pause ends, one call tries, and its owners are at home again."""

    async def act(scene: Scene) -> None:
        await remember_all(scene)
        home = scene.home
        home.ill = ILL
        for _ in range(TRIES):
            await answered_by(scene, LOST[0])
        home.ill = set()
        await asyncio.sleep(BreakerPolicy().longest_pause * 2)

        assert await answered_by(scene, LOST[0]) == "home"
        assert scene.links["home"].attempts.guards.shards.open == 0

    play(act, made=sharded)


@pytest.mark.parametrize(("answers", "states"), [(True, []), (False, [BreakerState.OPEN])])
def test_the_whole_is_judged_by_a_ping(*, answers: bool, states: list[BreakerState]) -> None:
    """Where the store itself is gone, all of its shards fail, and nobody waits for each of them to be found out."""
    seen: list[BreakerState] = []

    async def act(clock: FakeClock) -> None:
        async def ping() -> bool:
            return answers

        breaker = CircuitBreaker(
            "home", BreakerPolicy(), clock, lambda: 0.0, lambda change: seen.append(change.state), ping=ping
        )
        for _ in range(20):
            if not breaker.refuses():
                generation = breaker.begin()
                breaker.ended(generation, OperationClass.RECALL, Unavailable("down"), of_shard=True)
            await asyncio.sleep(0.1)
        assert breaker.refuses() is not answers
        await breaker.close()

    simulate(act)
    assert seen == states


def test_a_forced_breaker_holds_for_every_shard() -> None:
    """An operator's word is about the provider."""

    async def act(scene: Scene) -> None:
        await remember_all(scene)
        scene.links["home"].attempts.guards.breaker.force_open("maintenance")

        assert {await answered_by(scene, user) for user in USERS} == {"standby"}

    play(act, made=sharded)


def test_calls_about_no_single_owner_have_no_breaker_of_a_shard() -> None:
    """Nor has a provider without shards."""
    clock = FakeClock()
    shards = ShardBreakers(lambda _shard: CircuitBreaker("home", BreakerPolicy(), clock))

    assert (shards.of(None), shards.of(NO_SHARD), ShardBreakers().of(3)) == (None, None, None)
    breaker = shards.of(3)
    assert breaker is not None
    assert breaker is shards.of(3)
    breaker.force_open("a test")
    assert shards.open == 1
    with pytest.raises(BreakerOpen):
        breaker.check()
