"""A state machine over the whole design: whatever is done in whatever order, no promise is broken."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.simulation.client import Client
from tests.simulation.design import RealDesign
from tests.simulation.events import Event
from tests.simulation.loop import JumpingLoop
from tests.simulation.run import broken, concluded, past
from tests.simulation.script import FIRST_ORDER, JOURNAL, REPLICAS, Act, Crash, Fault, Mode, Script, Step
from tests.simulation.world import World
from tests.support.clock import FakeClock

T = TypeVar("T")

_MEMORIES = 4
_JOURNAL_MODES = (Mode.REFUSED, Mode.APPLIED_THEN_ERROR, Mode.SLOW)
_CLIENTS = (0, 1)
# What expires is looked for in scripts of its own, in which one clock is hours ahead.
_ACTS = [act for act in Act if act is not Act.LAPSE]

replicas = st.integers(0, REPLICAS - 1)
steps = st.builds(
    Step,
    client=st.just(0),
    wait=st.just(0.0),
    act=st.sampled_from(_ACTS),
    memory=st.integers(0, _MEMORIES - 1),
    replica=replicas,
    retries=st.integers(0, 2),
    clash=st.sampled_from((False,) * 9 + (True,)),
    patience=st.sampled_from((None, 0.1, 1.0)),
    session=st.booleans(),
    again=st.booleans(),
)


class Promises(RuleBasedStateMachine):
    """Clients act, providers and the journal fail and heal, replicas crash, time passes."""

    def __init__(self) -> None:
        super().__init__()
        self._clock = FakeClock()
        self._loop = JumpingLoop(self._clock)
        self._faults: list[Fault] = []
        self._place = 0

    @initialize(
        weak=st.tuples(st.booleans(), st.booleans()),
        skew=st.sampled_from((0.0, -20.0, 20.0)),
        old=st.sets(st.integers(0, _MEMORIES - 1)),
    )
    def begin(self, weak: tuple[bool, bool], skew: float, old: set[int]) -> None:
        """Start two replicas over two providers."""
        script = Script(
            seed=0,
            skews=(0.0, skew),
            weak=(*weak, False),
            steps=(),
            faults=(),
            crashes=(),
            switches=(),
            old=tuple(sorted(old)),
            looks=False,
        )
        self._world = World(script, RealDesign(), self._clock)
        self._world.weather.faults = self._faults
        self._clients = [Client(self._world, number) for number in _CLIENTS]
        self._do(self._world.prepare())

    @rule(step=steps)
    def act(self, step: Step) -> None:
        """One client acts."""
        self._do(self._acted(0, step))

    @rule(first=steps, second=steps)
    def act_at_once(self, first: Step, second: Step) -> None:
        """Two clients act at the same time."""
        self._do(self._acted(0, first), self._acted(1, second))

    @rule(provider=st.sampled_from(FIRST_ORDER), mode=st.sampled_from(Mode), share=st.sampled_from((0.5, 1.0)))
    def fail(self, provider: str, mode: Mode, share: float) -> None:
        """A provider begins to fail in some way, instead of any other."""
        self.heal(provider)
        self._faults.append(Fault(provider, 0.0, float("inf"), mode, share))

    @rule(mode=st.sampled_from(_JOURNAL_MODES), share=st.sampled_from((0.5, 1.0)))
    def fail_journal(self, mode: Mode, share: float) -> None:
        """The journal begins to fail."""
        self.heal(JOURNAL)
        self._faults.append(Fault(JOURNAL, 0.0, float("inf"), mode, share))

    @rule(where=st.sampled_from((*FIRST_ORDER, JOURNAL)))
    def heal(self, where: str) -> None:
        """Somebody is well again."""
        self._faults[:] = [fault for fault in self._faults if fault.where != where]

    @rule(replica=replicas, seconds=st.floats(0.0, 2.0))
    def crash(self, replica: int, seconds: float) -> None:
        """A replica ends, and starts again."""
        self._do(self._world.crash(Crash(replica, 0.0, seconds)))

    @rule(step=steps, replica=replicas, after=st.sampled_from((0.0005, 0.002, 0.005, 0.02)))
    def crash_meanwhile(self, step: Step, replica: int, after: float) -> None:
        """A replica ends while it works for a client."""
        self._do(self._acted(0, step), self._world.crash(Crash(replica, after, 0.5)))

    @rule(seconds=st.sampled_from((0.01, 0.5, 3.0, 10.0)))
    def wait(self, seconds: float) -> None:
        """Time passes."""
        self._do(asyncio.sleep(seconds))

    @invariant()
    def no_promise_is_broken(self) -> None:
        """By nothing that a client has seen so far."""
        if self._place:
            assert broken(self._world, self._events()) == []

    def teardown(self) -> None:
        """Everything heals, settles, and is where it belongs."""
        self._faults.clear()
        try:
            assert self._do(concluded(self._world, self._events(), range(_MEMORIES)))[0].wrong == []
        finally:
            self._loop.end()

    async def _acted(self, client: int, step: Step) -> None:
        self._place += 1
        await self._clients[client].do(self._place, step)

    def _events(self) -> list[Event]:
        return [*past(self._world), *(event for client in self._clients for event in client.events)]

    def _do(self, *work: Coroutine[Any, Any, T]) -> list[T]:
        async def all_done() -> list[T]:
            return [*await asyncio.gather(*work)]

        return self._loop.run_until_complete(all_done())


def test_no_sequence_breaks_a_promise() -> None:
    """A few short ones, as a first look."""
    run_state_machine_as_test(Promises, settings=settings(max_examples=40, stateful_step_count=20, deadline=None))


@pytest.mark.soak
def test_no_long_sequence_breaks_a_promise() -> None:
    """Many long ones."""
    # Where other work is done beside it, even a first step may take long.
    slow = [HealthCheck.too_slow]
    patient = settings(max_examples=2_000, stateful_step_count=60, deadline=None, suppress_health_check=slow)
    run_state_machine_as_test(Promises, settings=patient)
