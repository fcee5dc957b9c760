"""A slow home is invisible: the next provider is asked as well, and the first good answer counts."""

import asyncio
from collections.abc import Callable

import pytest

from providers.chain.errors import BreakerOpen
from providers.chain.hedging.order import Hedging
from providers.chain.hedging.pace import LEAST_TRIES, QUICK_ANSWERS, SAMPLED_SECONDS
from providers.chain.observer import HedgeEvent, Unobserved
from providers.chain.policy import OperationClass
from providers.errors import MemoryNotFound, Unavailable
from providers.owners import Owner
from providers.types import PageQuery
from tests.providers.chain.scene import FOREVER, USER, Scene, failure_of, key, play
from tests.providers.chain.stage import FILL_SECONDS, Stage, staged
from tests.support.frail import FrailProvider
from tests.support.listening import Listening

READ = OperationClass.READ


class Hedges(Unobserved):
    """An observer that records what became of hedges."""

    def __init__(self) -> None:
        self.events: list[tuple[str, str]] = []

    def hedged(self, provider: str, operation: OperationClass, event: HedgeEvent) -> None:
        """Record it."""
        assert operation in OperationClass
        self.events.append((provider, event.value))

    def count(self, event: HedgeEvent) -> int:
        """Return how often this has happened."""
        return sum(what == event.value for _, what in self.events)


def _hedge(scene: Scene, looked_well: Callable[[str], bool] = lambda _: True, *, enabled: bool = True) -> Hedges:
    """Let the chain hedge in this way, and return what sees it."""
    hedges = Hedges()
    hedging = Hedging(enabled=enabled, looked_well=looked_well)
    scene.chained = scene.rig.chained(scene.chained.route, hedges, hedging=hedging)
    scene.chain = Listening(scene.chained)
    return hedges


def _patience(scene: Scene, operation: OperationClass = READ) -> float:
    return scene.links["home"].patience(operation)


async def _stored(scene: Scene) -> str:
    """Store a memory everywhere, and let the journal forget it."""
    memory_id = await scene.chain.remember(USER, "tea", memory_id=key())
    await scene.forget()
    return memory_id


async def _at_rest(scene: Scene) -> bool:
    """Return whether nothing is under way at any provider."""
    await asyncio.sleep(0)
    return not any(link.attempts.guards.bulkhead.in_flight for link in scene.links.values())


def test_the_hedge_of_a_slow_home_answers() -> None:
    """After patience, and the answer says who has given it and why."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        scene.home.seconds = FOREVER
        told, began = scene.listen(), scene.clock()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded) == ("tea", "standby", ["home_slow"])
        assert scene.clock() - began == pytest.approx(_patience(scene), abs=0.01)
        assert hedges.events == [("standby", "sent"), ("standby", "won")]
        assert await _at_rest(scene)

    play(act)


def test_a_home_that_answers_meanwhile_is_the_one_that_answers() -> None:
    """The hedge that lost says nothing any more, neither of itself nor of home."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        scene.home.seconds = _patience(scene) + 0.1
        scene.standby.seconds = 0.3
        told = scene.listen()

        await scene.chain.get(USER, memory_id)
        await asyncio.sleep(1.0)

        assert (told.provider, told.degraded) == ("home", [])
        assert hedges.events == [("standby", "sent"), ("standby", "lost")]
        assert not scene.links["standby"].attempts.pace.mostly_slow
        assert await _at_rest(scene)

    play(act)


def test_nobody_else_is_asked_within_patience() -> None:
    """One who answers in time is the only one who is asked."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        scene.home.seconds = _patience(scene) - 0.1
        scene.standby.calls.clear()

        await scene.chain.get(USER, memory_id)

        assert (hedges.events, scene.standby.calls) == ([], [])

    play(act)


def test_a_home_without_a_standby_is_waited_for() -> None:
    """Also if the standby fails: waiting goes on."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        scene.home.seconds = _patience(scene) + 0.2
        scene.standby.failures["*"] = Unavailable("down")
        told = scene.listen()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider, told.degraded) == ("tea", "home", [])
        assert hedges.events == [("standby", "sent"), ("standby", "lost")]

    play(act)


def test_a_third_provider_is_asked_where_the_second_is_slow_too() -> None:
    """Each has its own patience."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene)
        scene.home.seconds = scene.standby.seconds = FOREVER
        told, began = scene.listen(), scene.clock()

        record = await scene.chain.get(USER, memory_id)

        assert (record.content, told.provider) == ("tea", "third")
        assert scene.clock() - began == pytest.approx(2 * _patience(scene), abs=0.01)
        assert await _at_rest(scene)

    play(act, "home", "standby", "third")


def test_it_can_be_switched_off() -> None:
    """Then the next is asked once the first has failed."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene, enabled=False)
        scene.home.seconds = _patience(scene) + 0.2
        told = scene.listen()

        await scene.chain.get(USER, memory_id)

        assert (told.provider, hedges.events) == ("home", [])

    play(act)


def test_a_page_that_continues_a_list_is_not_hedged() -> None:
    """Another provider may lack what comes next; a first page names the provider that has given it."""

    async def act(scene: Scene) -> None:
        for text in ("one", "two", "three"):
            await scene.chain.remember(USER, text)
            scene.clock.pass_by(1.0)
        await scene.forget()
        hedges = _hedge(scene)
        scene.home.seconds = _patience(scene) + 0.2

        first = await scene.chained.page(PageQuery(owner=Owner(USER), limit=2))
        scene.standby.seconds, scene.home.seconds = scene.home.seconds, 0.0
        after = first.memories[-1].position
        second = await scene.chained.page(PageQuery(owner=Owner(USER), limit=2, after=after, provider=first.provider))
        bare = await scene.chained.page(PageQuery(owner=Owner(USER), limit=2, after=after))

        assert (first.provider, second.provider, bare.provider) == ("standby", "standby", "home")
        assert [record.content for record in (*first.memories, *second.memories)] == ["three", "two", "one"]
        assert hedges.count(HedgeEvent.SENT) == 1

    play(act)


class Ranked(FrailProvider):
    """A provider whose recalls have a ranking of their own, or none that has a name."""

    own: str | None = None

    @property
    def ranking(self) -> str | None:  # type: ignore[override] # the mock has a name for its own
        """See `Replica`."""
        return self.own


@pytest.mark.parametrize(
    ("home", "standby", "answers"), [("a", "a", "standby"), ("a", "b", "home"), (None, None, "home")]
)
def test_a_recall_is_hedged_only_where_the_ranking_is_the_same(
    home: str | None, standby: str | None, answers: str
) -> None:
    """The same question must not have another answer because something is slow; a list has one order."""

    async def act(scene: Scene) -> None:
        await _stored(scene)
        hedges = _hedge(scene)
        vars(scene.home)["own"], vars(scene.standby)["own"] = home, standby
        scene.home.seconds = _patience(scene) + 0.2
        told = scene.listen()

        assert [found.content for found in await scene.chain.recall(USER, "tea")] == ["tea"]
        assert (told.provider, hedges.count(HedgeEvent.SENT)) == (answers, answers == "standby")
        assert len(await scene.chain.list_memories(USER)) == 1
        assert told.provider == "standby"

    play(act, made=Ranked)


@pytest.mark.parametrize("well", [True, False])
def test_that_there_is_nothing_counts_after_a_good_look(well: bool) -> None:  # noqa: FBT001 - one expectation
    """A standby that was put back says so in no answer; until it has been looked at, home is waited for."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene, lambda _: well)
        scene.standby.begin_anew()
        scene.home.seconds = _patience(scene) + 0.2

        got = await _or_none(scene, memory_id)
        listed = [record.content for record in await scene.chain.list_memories(USER)]
        recalled = [record.content for record in await scene.chain.recall(USER, "tea")]

        assert (got, listed, recalled) == ((None, [], []) if well else ("tea", ["tea"], ["tea"]))

    play(act)


async def _or_none(scene: Scene, memory_id: str) -> str | None:
    try:
        return (await scene.chain.get(USER, memory_id)).content
    except MemoryNotFound:
        return None


def test_nothing_from_a_doubtful_standby_is_better_than_no_answer() -> None:
    """Where home fails at once there is nobody to wait for; where it hangs it gets all the time that is left."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene, lambda _: False)
        scene.standby.begin_anew()

        scene.home.failures["*"] = Unavailable("down")
        refused = await _or_none(scene, memory_id)
        scene.home.failures.clear()
        scene.home.seconds = 3.0  # longer than a try has where somebody else can be asked
        slow = await _or_none(scene, memory_id)
        scene.home.seconds = FOREVER
        hanging = await _or_none(scene, memory_id)

        assert (refused, slow, hanging) == (None, "tea", None)

    play(act)


def test_a_look_is_hedged() -> None:
    """What a write with a key reads first does not wait for a slow home, and is no shorter than it was."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        scene.home.instead["snapshot"] = _never

        assert await scene.chain.remember(USER, "tea", memory_id=memory_id) == memory_id
        assert hedges.events == [("standby", "sent"), ("standby", "won")]
        assert scene.told.provider == "standby"

    play(act)


async def _never(_provider: FrailProvider, *_arguments: object) -> None:
    await asyncio.sleep(FOREVER)


async def _reads(scene: Scene, memory_id: str, count: int, pause: float = 0.0) -> list[float]:
    """Read so often, and return how long each read took."""
    seconds = []
    for _ in range(count):
        began = scene.clock()
        await scene.chain.get(USER, memory_id)
        seconds.append(scene.clock() - began)
        await asyncio.sleep(pause)
    return seconds


async def _crowd(scene: Scene, memory_id: str, count: int) -> list[float]:
    """Read so often at once, and return how long each read took."""
    return [seconds for [seconds] in await asyncio.gather(*(_reads(scene, memory_id, 1) for _ in range(count)))]


def test_a_budget_bounds_hedges_while_home_is_quick_for_most() -> None:
    """Every third read is slow: three at once are allowed in any case, and a tenth of all requests."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        for number in range(60):
            scene.home.seconds = _patience(scene) + 0.1 if number % 4 == 0 else 0.0
            await scene.chain.get(USER, memory_id)

        assert hedges.count(HedgeEvent.SENT) <= 3 + 6
        assert hedges.count(HedgeEvent.REFUSED) >= 5

    play(act)


def test_a_budget_does_not_keep_reads_waiting_where_home_is_slow_for_all() -> None:
    """However many they are, and from the first of them."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        await _reads(scene, memory_id, 200)
        scene.home.seconds = FOREVER

        seconds = await _crowd(scene, memory_id, 16)

        assert max(seconds) == pytest.approx(_patience(scene), abs=0.01)
        assert (hedges.count(HedgeEvent.WON), hedges.count(HedgeEvent.REFUSED)) == (16, 0)

    play(act)


@pytest.mark.parametrize("seconds", [1.0, FOREVER])
def test_who_is_mostly_slow_is_asked_second(seconds: float) -> None:
    """Reads go to the next at once, without a hedge; every one says so."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        hedges = _hedge(scene)
        scene.home.seconds = seconds
        await _crowd(scene, memory_id, LEAST_TRIES)
        sent = hedges.count(HedgeEvent.SENT)
        told = scene.listen()

        took = await _reads(scene, memory_id, 50)

        assert max(took) < 0.01
        assert (told.provider, told.degraded) == ("standby", ["home_slow"])
        assert hedges.count(HedgeEvent.SENT) == sent

    play(act)


def test_who_is_quick_again_is_asked_first_again() -> None:
    """One read in a second still asks it, and no caller waits for that."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene)
        scene.home.seconds = 1.0
        await _crowd(scene, memory_id, LEAST_TRIES)
        scene.home.calls.clear()

        slow = await _reads(scene, memory_id, 40, SAMPLED_SECONDS / 4)
        asked = scene.home.calls.count("fetch")
        scene.home.seconds = 0.0
        await _reads(scene, memory_id, 4 * (QUICK_ANSWERS + 1), SAMPLED_SECONDS / 4)
        told = scene.listen()
        await scene.chain.get(USER, memory_id)

        assert max(slow) < 0.01
        assert 9 <= asked <= 11
        assert (told.provider, told.degraded) == ("home", [])

    play(act)


def test_who_is_asked_second_answers_where_the_next_one_fails() -> None:
    """It is slow, and not gone."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene)
        scene.home.seconds = 1.0
        await _crowd(scene, memory_id, LEAST_TRIES)
        scene.standby.failures["*"] = Unavailable("down")
        told = scene.listen()

        assert (await scene.chain.get(USER, memory_id)).content == "tea"
        assert (told.provider, told.degraded) == ("home", [])

    play(act)


def test_where_all_are_slow_the_order_stays() -> None:
    """Whoever is asked second of two slow ones is no quicker."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene)
        scene.home.seconds = 1.0
        await _crowd(scene, memory_id, LEAST_TRIES)
        for _ in range(LEAST_TRIES):
            scene.links["standby"].attempts.pace.unanswered(READ, 1, 5.0)
        scene.home.seconds = 0.0
        told = scene.listen()

        await scene.chain.get(USER, memory_id)

        assert told.provider == "home"

    play(act)


def test_the_loser_leaves_no_probe_of_a_breaker_behind() -> None:
    """A call that tests whether a breaker may close is given up for a hedge: the next call tests it."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene)
        breaker = scene.links["home"].attempts.guards.breaker
        scene.home.failures["*"] = Unavailable("down")
        while not breaker.refuses():
            await _reads(scene, memory_id, 1)
        scene.home.failures.clear()
        scene.home.seconds = FOREVER
        await asyncio.sleep((breaker.snapshot().seconds_to_probe or 0.0) + 0.1)

        await _reads(scene, memory_id, 1)
        scene.home.seconds = 0.0
        told = scene.listen()
        await scene.chain.get(USER, memory_id)

        assert told.provider == "home"
        assert not isinstance(await _refusal(scene), BreakerOpen)

    play(act)


async def _refusal(scene: Scene) -> BaseException | None:
    try:
        scene.links["home"].attempts.guards.breaker.check()
    except BreakerOpen as error:
        return error
    return None


def test_what_is_sampled_ends_with_the_chain() -> None:
    """Nobody waits for it, and it asks no provider that is closed."""

    async def main(stage: Stage) -> None:
        chain, a = stage.chain(), stage.store()
        await chain.switch([stage.part("a", a), stage.part("b", stage.store())])
        await asyncio.sleep(FILL_SECONDS)
        memory_id = await chain.provider.remember(USER, "tea")
        link = chain.links()[0]
        for _ in range(2 * LEAST_TRIES):
            link.attempts.pace.unanswered(READ, 1, 5.0)
        await asyncio.sleep(SAMPLED_SECONDS)
        a.seconds = FOREVER
        await chain.provider.get(USER, memory_id)
        await asyncio.sleep(0)
        under_way = len(chain.hedging.samples)
        await chain.close()

        assert (under_way, len(chain.hedging.samples)) == (1, 0)
        assert link.attempts.guards.bulkhead.in_flight == 0

    staged(main)


def test_a_read_fails_only_if_all_fail() -> None:
    """And the error is home's, whoever failed first."""

    async def act(scene: Scene) -> None:
        memory_id = await _stored(scene)
        _hedge(scene)
        scene.home.instead["fetch"] = _late_failure
        scene.standby.failures["*"] = Unavailable("the standby is down")

        error = await failure_of(scene.chain.get(USER, memory_id))

        assert isinstance(error, Unavailable)
        assert error.reason == "home is down"

    play(act)


async def _late_failure(_provider: FrailProvider, *_arguments: object) -> None:
    await asyncio.sleep(0.9)
    raise Unavailable("home is down")
