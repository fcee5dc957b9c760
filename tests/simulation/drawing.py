"""Scripts of runs, each drawn from a seed."""

from collections.abc import Sequence
from random import Random

from msgspec.structs import replace

from tests.simulation.acting import HOUR
from tests.simulation.script import (
    CLIENTS,
    FIRST_ORDER,
    JOURNAL,
    LAPSING,
    LENGTH,
    MEMORIES,
    NEVER,
    NEWCOMER,
    PROVIDERS,
    REPLICAS,
    STEPS,
    Act,
    Crash,
    Fault,
    Mode,
    Script,
    Slowness,
    Stall,
    Step,
    Switch,
)
from tests.simulation.upsets import UpsetKind, upsets_of

_LOOKS = 0.03  # of all runs
_JOURNAL_FAILS = 0.2
_CLEARS = 0.2  # of all clients, one step of each
_IN_VAIN = 0.5  # of all runs delete a memory that never was
_WANTED = 0.6
_LAPSES = 0.6  # of all steps in a run in which memories expire
_WEAK = 0.4
_AGAIN = 0.5
_SLOW = 0.4  # of all runs
_STALLS = 0.4  # of all runs
_UPSET = 0.4  # of all runs
_WRONG_JOURNALS = frozenset({UpsetKind.EMPTY_JOURNAL, UpsetKind.FOREIGN_JOURNAL})
_UNREACHED = 0.5  # of the stores beside such a journal
_KEYED = 0.4  # of all runs without an upset use keys
_KEYED_STEPS = 0.4
_KEYED_WEIGHTS = {Act.PUT: 4, Act.GET_KEY: 3, Act.DELETE_KEY: 1}
_ALL_THE_TIME = float("inf")
_WEIGHTS = {
    Act.REMEMBER: 6,
    Act.UPDATE: 4,
    Act.DELETE: 2,
    Act.GET: 3,
    Act.LIST: 2,
    Act.RECALL: 2,
    Act.NOTE: 1,
    Act.BATCH: 1,
    Act.TAG: 2,
    Act.PAGES: 1,
    Act.ASK: 1,
}


def script_of(seed: int) -> Script:
    """Draw a run."""
    chance = Random(f"upset {seed}")
    kind = chance.choice(list(UpsetKind)) if chance.random() < _UPSET else None
    return script_with(seed, kind)


def script_with(seed: int, kind: UpsetKind | None) -> Script:
    """Draw a run in which something of this kind, and of no other, changes behind the chain's back."""
    script = _undisturbed(seed)
    if kind is None:
        return replace(script, steps=tuple(_perhaps_keyed(script.steps, Random(f"keys {seed}"))))
    chance = Random(f"{kind} {seed}")
    if kind is UpsetKind.FOUNDING:
        script = replace(script, switches=(), old=script.old or (chance.randrange(MEMORIES),))
    if kind is UpsetKind.DELETION:
        script = replace(script, crashes=())  # the patrol of a process that crashed goes on after ten minutes
    if kind in _WRONG_JOURNALS and chance.random() < _UNREACHED:
        unreached = (Fault(where, 0.0, _ALL_THE_TIME, Mode.REFUSED, 1.0) for where in FIRST_ORDER)
        script = replace(script, faults=(*script.faults, *unreached), switches=())
    # See `_weak`: whoever is put right is filled from another.
    weak_drawn = [weak and kind is not UpsetKind.STALENESS for weak in script.weak]  # what is taken must be shown once
    script = replace(script, weak=_weak(weak_drawn, filled=True))
    weak = any(script.weak)
    upsets = upsets_of(chance, kind, script.order, script.old, REPLICAS, weak=weak)
    # Who cannot be asked says nothing of a journal either.
    faults = [
        replace(fault, at=upsets[0].at, seconds=upsets[0].seconds) if fault.seconds == _ALL_THE_TIME else fault
        for fault in script.faults
    ]
    return replace(script, upsets=upsets, faults=tuple(faults))


def lapsing_script(seed: int) -> Script:
    """Draw a run with memories that expire, in which the clock of one process is two hours ahead."""
    chance = Random(f"lapse {seed}")
    script = _undisturbed(seed)
    acts = (Act.LAPSE, Act.LAPSE, Act.GET, Act.LIST, Act.RECALL)
    memories = range(MEMORIES + NEVER, MEMORIES + NEVER + LAPSING)
    steps = [
        replace(step, act=chance.choice(acts), memory=chance.choice(memories), clash=False)
        if chance.random() < _LAPSES
        else step
        for step in script.steps
    ]
    return replace(script, steps=tuple(steps), skews=(0.0, 2 * HOUR))


def _undisturbed(seed: int) -> Script:
    chance = Random(seed)
    switches = _switches(chance)
    faults = [
        _fault(chance, chance.choice(switches[-1].order if switches else FIRST_ORDER))
        for _ in range(chance.randint(2, 6))
    ]
    if chance.random() < _JOURNAL_FAILS:
        faults.append(_fault(chance, JOURNAL))
    # From sources of their own: what a seed drew before there was any of this it still draws.
    clearing, slow, stalls = (Random(f"{what} {seed}") for what in ("clear", "slow", "stall"))
    drawn = [
        step
        for client in range(CLIENTS)
        for step in _perhaps_clearing([_step(chance, client) for _ in range(STEPS)], clearing)
    ]
    return Script(
        seed=seed,
        skews=tuple(chance.choice((0.0, chance.uniform(-30, 30))) for _ in range(REPLICAS)),
        weak=_weak([chance.random() < _WEAK for _ in PROVIDERS], filled=any(NEWCOMER in one.order for one in switches)),
        steps=tuple(_perhaps_in_vain(drawn, Random(f"in vain {seed}"))),
        faults=tuple(faults),
        crashes=tuple(
            Crash(chance.randrange(REPLICAS), chance.uniform(0, LENGTH), chance.uniform(0.1, 3))
            for _ in range(chance.choice((0, 1, 2, 4)))
        ),
        switches=tuple(switches),
        old=tuple(chance.sample(range(MEMORIES), chance.choice((0, 2, 5)))),
        looks=chance.random() < _LOOKS,
        slow=tuple(_slowness(slow, switches) for _ in range(slow.randint(1, 3) if slow.random() < _SLOW else 0)),
        stalls=tuple(_stall(stalls) for _ in range(stalls.randint(1, 4) if stalls.random() < _STALLS else 0)),
    )


def _weak(drawn: list[bool], *, filled: bool) -> tuple[bool, ...]:
    """Let all stores be alike if one is filled: what keeps no tombstones is never found to hold those of a source."""
    return (drawn[0],) * len(drawn) if filled else tuple(drawn)


def _switches(chance: Random) -> list[Switch]:
    switches: list[Switch] = []
    known: tuple[str, ...] = FIRST_ORDER
    for place in range(chance.choices((0, 1, 2), (8, 3, 1))[0]):
        known = chance.choice((known, PROVIDERS))  # nobody leaves: that would take an hour
        order = list(known)
        chance.shuffle(order)
        at = chance.uniform(place * LENGTH / 2, (place + 1) * LENGTH / 2 - 2)
        lag = chance.choice((0.0, chance.uniform(0, 2)))
        switches.append(Switch(chance.randrange(REPLICAS), at, lag, tuple(order)))
    return switches


def _step(chance: Random, client: int) -> Step:
    return Step(
        client=client,
        wait=chance.choice((0.0, chance.uniform(0, 0.05), chance.uniform(0, 2))),
        act=chance.choices(list(_WEIGHTS), list(_WEIGHTS.values()))[0],
        memory=chance.randrange(MEMORIES),
        replica=chance.randrange(REPLICAS),
        retries=chance.randint(0, 3),
        clash=chance.random() < 0.05,
        patience=chance.choice((None, None, None, chance.uniform(0.05, 3))),
        session=chance.random() < 0.2,
    )


def _perhaps_clearing(steps: list[Step], chance: Random) -> list[Step]:
    if chance.random() < _CLEARS:
        place = chance.randrange(len(steps))
        steps[place] = replace(steps[place], act=Act.CLEAR)
    return steps


def _perhaps_in_vain(steps: list[Step], chance: Random) -> list[Step]:
    """Let somebody delete what never was, with somebody else who wants to store it then, or at the same time."""
    if chance.random() >= _IN_VAIN:
        return steps
    memory = MEMORIES + chance.randrange(NEVER)
    places = chance.sample(range(len(steps)), 5)
    acts = (Act.DELETE, Act.DELETE, Act.REMEMBER, Act.REMEMBER, Act.GET)
    for place, act in zip(places, acts, strict=True):
        if act is not Act.REMEMBER or chance.random() < _WANTED:
            steps[place] = replace(
                steps[place], act=act, memory=memory, clash=False, again=act is Act.DELETE and chance.random() < _AGAIN
            )
    return steps


def _perhaps_keyed(steps: Sequence[Step], chance: Random) -> list[Step]:
    """Let clients put, get and delete under a few keys."""
    keyed = chance.random() < _KEYED
    acts, weights = list(_KEYED_WEIGHTS), list(_KEYED_WEIGHTS.values())
    return [
        replace(step, act=chance.choices(acts, weights)[0])
        if keyed and step.memory < MEMORIES and chance.random() < _KEYED_STEPS
        else step
        for step in steps
    ]


def _fault(chance: Random, where: str) -> Fault:
    modes = (Mode.REFUSED, Mode.APPLIED_THEN_ERROR, Mode.SLOW) if where == JOURNAL else tuple(Mode)
    return Fault(
        where=where,
        at=chance.uniform(0, LENGTH),
        seconds=chance.choice((chance.uniform(0.1, 2), chance.uniform(2, 6))),
        mode=chance.choice(modes),
        share=chance.choice((0.3, 0.7, 1.0, 1.0)),
    )


def _slowness(chance: Random, switches: Sequence[Switch]) -> Slowness:
    order = switches[-1].order if switches else FIRST_ORDER
    return Slowness(
        where=chance.choice((order[0], *order, JOURNAL)),
        at=chance.uniform(0, LENGTH),
        seconds=chance.uniform(1, LENGTH),
        factor=chance.choice((10.0, 100.0, chance.uniform(100, 500))),  # of some milliseconds
    )


def _stall(chance: Random) -> Stall:
    return Stall(
        at=chance.uniform(0, LENGTH), seconds=chance.choice((chance.uniform(0.05, 0.5), chance.uniform(0.5, 3)))
    )
