"""What has expired is hidden by the clock of whoever reads, and erased by those of store and journal alone."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest
from msgspec import Struct
from structlog.testing import capture_logs

from providers.answers import Stored
from providers.chain.expiring.rules import RetentionRule
from providers.chain.expiring.sweeper import GRACE_SECONDS, ExpirySweeper
from providers.chain.observer import ChainObserver, Unobserved
from providers.chain.policy import ExpiryPolicy
from providers.chain.route import Route
from providers.errors import MemoryNotFound, Unsupported
from providers.examination.clocks import MOST_APART
from providers.journal.base import Journal
from providers.memory.provider import MockMemoryProvider
from providers.owners import Owner
from providers.replica import Replica
from providers.types import Edit, NewMemory, PageQuery, RecallQuery, Snapshot
from tests.providers.chain.scene import DOWN, USER, Scene, play
from tests.support.clock import hybrid_clock
from tests.support.frail import FrailProvider

OWNER = Owner(USER)
LIFE = 10.0  # seconds
SWEPT_AFTER = LIFE + GRACE_SECONDS


class Swept(Struct):
    """A chain as a sweep sees it."""

    holder: str
    journal: Journal | None
    observer: ChainObserver
    route: Route
    retention: tuple[RetentionRule, ...] = ()


class Counts(ChainObserver):
    """Counts what was erased."""

    def __init__(self) -> None:
        self.erased: list[tuple[str, int]] = []

    def expired(self, provider: str, count: int) -> None:
        """Note it."""
        self.erased.append((provider, count))


def sweeper(scene: Scene, ahead: float = 0.0, observer: ChainObserver | None = None) -> ExpirySweeper:
    """Return the sweep of a process whose clock is so many seconds ahead."""
    chain = Swept("one", scene.journal, observer or Unobserved(), scene.chained.route)
    clock = hybrid_clock(lambda: scene.clock() + ahead)
    return ExpirySweeper(chain, clock, ExpiryPolicy(), now=scene.clock)


def moment(scene: Scene, seconds: float) -> datetime:
    """Return the moment so many seconds from now."""
    return datetime.fromtimestamp(scene.clock() + seconds, UTC)


async def lapsing(scene: Scene, seconds: float = LIFE) -> str:
    """Store a memory that expires in so many seconds, everywhere, and return its id."""
    new = NewMemory(owner=OWNER, content="tea", expires_at=moment(scene, seconds))
    stored: Stored = await scene.chain.store(new)
    await scene.deliver()
    return stored.id


async def shown(scene: Scene, memory_id: str) -> set[bool]:
    """Return whether get, list, count and recall show a memory; all of them are to say the same."""
    page = await scene.chain.page(PageQuery(owner=OWNER, total=True))
    found = await scene.chain.find(RecallQuery(owner=OWNER, query="tea"))
    try:
        got = (await scene.chain.fetch(OWNER, memory_id)).memory.id == memory_id
    except MemoryNotFound:
        got = False
    return {got, bool(page.memories), bool(page.total), bool(found.memories)}


async def living(provider: Replica, memory_id: str) -> bool:
    """Return whether a store still holds a memory, expired or not."""
    state = await MockMemoryProvider.snapshot(provider, OWNER, memory_id)  # type: ignore[arg-type] # one in memory
    return state is not None and not state.deleted


@pytest.mark.parametrize("down", ["put_many", "*"])
def test_what_only_the_journal_knows_expires_as_well(down: str) -> None:
    """A memory that no provider has, or none tells, is shown until its moment and no longer."""

    async def act(scene: Scene) -> None:
        for provider in scene.providers.values():
            provider.failures = {"put_many": DOWN}
        stored: Stored = await scene.chain.store(
            NewMemory(owner=OWNER, content="tea", expires_at=moment(scene, 100 * LIFE))
        )
        if down == "*":
            for provider in scene.providers.values():
                provider.failures = {"*": DOWN}
            assert (await scene.chain.fetch(OWNER, stored.id)).memory.expires_at is not None
            await asyncio.sleep(100 * LIFE)
            with pytest.raises(MemoryNotFound):
                await scene.chain.fetch(OWNER, stored.id)
            return
        before = await shown(scene, stored.id)
        await asyncio.sleep(100 * LIFE)
        assert (before, await shown(scene, stored.id)) == ({True}, {False})

    play(act)


def test_an_edit_that_home_lacks_gives_more_time() -> None:
    """What the journal knows better is shown, although home calls the memory expired."""

    async def act(scene: Scene) -> None:
        memory_id = await lapsing(scene, 100 * LIFE)
        scene.home.failures = {"put_many": DOWN}
        await scene.chain.change(Edit(owner=OWNER, memory_id=memory_id, expires_at=None))
        await asyncio.sleep(100 * LIFE)

        assert await shown(scene, memory_id) == {True}

    play(act)


def test_what_has_expired_is_erased_an_hour_later_everywhere() -> None:
    """Not before, and it is counted once."""

    async def act(scene: Scene) -> None:
        memory_id, counts = await lapsing(scene), Counts()
        await asyncio.sleep(SWEPT_AFTER - 1)
        early = await sweeper(scene, observer=counts).sweep()
        await asyncio.sleep(1)
        late = [await sweeper(scene, observer=counts).sweep() for _ in range(2)]
        await scene.deliver()

        assert (early, late) == (0, [1, 0])
        assert counts.erased == [("home", 1), ("home", 0)]
        assert [await living(provider, memory_id) for provider in scene.providers.values()] == [False, False]

    play(act)


def test_a_newer_state_refuses_to_be_erased() -> None:
    """Home does not have it yet, so that the sweep has seen the older one."""

    async def act(scene: Scene) -> None:
        memory_id = await lapsing(scene, 100 * LIFE)
        scene.home.failures = {"put_many": DOWN}
        await scene.chain.change(Edit(owner=OWNER, memory_id=memory_id, expires_at=None))
        await asyncio.sleep(100 * LIFE + GRACE_SECONDS)
        erased = await sweeper(scene).sweep()
        scene.home.failures = {}
        await scene.deliver()

        assert erased == 0
        assert await living(scene.home, memory_id)

    play(act)


@pytest.mark.parametrize("ahead", [MOST_APART - 1, MOST_APART + 1, -MOST_APART - 1, 2 * GRACE_SECONDS])
def test_nothing_is_erased_while_clocks_differ(ahead: float) -> None:
    """By more than a minute; the log says so. A clock that is ahead erases nothing early."""

    async def act(scene: Scene) -> None:
        memory_id = await lapsing(scene)
        await asyncio.sleep(SWEPT_AFTER - MOST_APART / 2)  # expired for an hour only by a clock that is ahead
        early = await sweeper(scene, ahead).sweep()
        await asyncio.sleep(2 * MOST_APART)
        with capture_logs() as logs:
            late = await sweeper(scene, ahead).sweep()

        differ = abs(ahead) > MOST_APART
        assert (early, late) == (0, 0 if differ else 1)
        assert any(log["event"] == "expiry_clocks_differ" for log in logs) is differ
        await scene.deliver()
        assert await living(scene.home, memory_id) is differ

    play(act)


class Plain(FrailProvider):
    """A store without an index by expiry, and at first without a clock that it tells."""

    tells = False

    async def moment(self) -> datetime | None:  # type: ignore[override] # what it inherits always tells
        """Tell what the clock says."""
        return await super().moment() if self.tells else None

    async def expired(self, before: datetime, limit: int, *, after: Snapshot | None = None) -> list[Snapshot]:
        """Have no index."""
        raise Unsupported(f"find {limit} that had expired by {before} behind {after}")


def test_a_store_is_asked_by_its_own_clock() -> None:
    """One that tells nobody what it says erases nothing; one without an index is looked through."""

    async def act(scene: Scene) -> None:
        await lapsing(scene)
        await asyncio.sleep(SWEPT_AFTER)
        without_clock = await sweeper(scene).sweep()
        assert isinstance(scene.home, Plain)
        scene.home.tells = True

        assert (without_clock, await sweeper(scene).sweep()) == (0, 1)

    play(act, made=Plain)


def test_a_single_provider_without_a_journal_is_swept() -> None:
    """Each memory is deleted in the version that was seen."""

    async def act(scene: Scene) -> None:
        memory_id = await lapsing(scene)
        await asyncio.sleep(SWEPT_AFTER)
        alone = sweeper(scene)
        alone.chain = Swept("one", None, Unobserved(), scene.chained.route)

        assert (await alone.sweep(), await living(scene.home, memory_id)) == (1, False)

    play(act, "home")


def test_a_sweep_comes_again_and_again() -> None:
    """A journal that does not answer puts it off, and only one process sweeps."""

    async def act(scene: Scene) -> None:
        memory_id = await lapsing(scene)
        policy, other = ExpiryPolicy(), sweeper(scene)
        other.chain.holder = "two"
        await scene.journal.claim("expiry", "two", GRACE_SECONDS + 2 * policy.every)
        scene.lose_journal()
        task = asyncio.ensure_future(sweeper(scene).run())
        await asyncio.sleep(SWEPT_AFTER - timedelta(minutes=1).total_seconds())
        scene.find_journal()
        await asyncio.sleep(policy.every)
        claimed = await living(scene.home, memory_id)
        await asyncio.sleep(3 * policy.every)
        await scene.deliver()
        task.cancel()

        assert (claimed, await living(scene.home, memory_id)) == (True, False)

    play(act)
