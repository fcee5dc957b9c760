"""Thousands of seeded runs of the whole design: whatever fails, no promise is broken."""

import pytest
from msgspec.structs import replace

from tests.simulation.drawing import script_of, script_with
from tests.simulation.events import Event
from tests.simulation.run import run
from tests.simulation.script import Act, Script, Slowness, Stall, Step
from tests.simulation.shrink import described, shrunk
from tests.simulation.upsets import UpsetKind

_SHARDS, _SEEDS = 40, 50  # 2,000 runs, in parts that several workers can share
_FIRST_SHARDS = 2  # which `make test` runs; the rest is for `make check`
_SOAK_SHARDS, _SOAK_SEEDS = 100, 500
_SOAK_FROM = 1_000_000

_NOTHING_HAPPENS = Script(
    seed=0, skews=(0.0, 0.0), weak=(False,) * 3, steps=(), faults=(), crashes=(), switches=(), old=(), looks=False
)


_PARTS = [pytest.param(shard, marks=() if shard < _FIRST_SHARDS else pytest.mark.thorough) for shard in range(_SHARDS)]


def _check(seeds: range) -> None:
    for seed in seeds:
        script = script_of(seed)
        wrong = run(script).wrong
        if wrong:
            short = shrunk(script, lambda candidate: bool(run(candidate).wrong))
            pytest.fail(
                "\n".join([f"seed {seed}:", *wrong, "", "shrunk:", described(short), "", *run(short).wrong]),
                pytrace=False,
            )


@pytest.mark.parametrize("shard", _PARTS)
def test_promises_are_kept(shard: int) -> None:
    """In no run is anything lost, stored twice, resurrected or left undelivered."""
    _check(range(shard * _SEEDS, (shard + 1) * _SEEDS))


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(_SOAK_SHARDS))
def test_promises_are_kept_for_long(shard: int) -> None:
    """As above, in 50,000 runs that no other test has seen."""
    start = _SOAK_FROM + shard * _SOAK_SEEDS
    _check(range(start, start + _SOAK_SEEDS))


_ONCE_WRONG = [1_001_672, 1_003_846, 1_005_876, 1_008_166, 1_009_554, 1_010_088, 1_012_960, 1_015_081, 1_016_399]
_ONCE_WRONG += [1_019_020, 1_032_878, 1_033_407, 1_034_543, 1_043_668, 1_049_380, 1_049_673]


@pytest.mark.parametrize("seed", _ONCE_WRONG)
def test_promises_are_kept_where_one_was_broken(seed: int) -> None:
    """A refused write was kept as a version, the earlier of two puts won, or what was right was called wrong."""
    _check(range(seed, seed + 1))


@pytest.mark.thorough
def test_slowness_and_stalls_are_drawn() -> None:
    """In many runs and not in all: what goes wrong where everything is quick goes wrong in others."""
    scripts = [script_of(seed) for seed in range(_SHARDS * _SEEDS)]
    slow, stalled = ({script.seed for script in scripts if part(script)} for part in (_slow, _stalled))

    assert min(len(slow - stalled), len(stalled - slow), len(slow & stalled)) > len(scripts) / 10
    assert len(slow | stalled) < 0.8 * len(scripts)
    assert {"home", "standby", "journal"} <= {one.where for script in scripts for one in script.slow}


@pytest.mark.thorough
def test_everything_is_changed_behind_the_back() -> None:
    """Each kind in some runs, and nothing in most."""
    scripts = [script_of(seed) for seed in range(_SHARDS * _SEEDS)]
    counts = {kind: sum(script.has(kind) for script in scripts) for kind in UpsetKind}

    assert min(counts.values()) > len(scripts) / 100
    assert len(scripts) / 4 < sum(counts.values()) < len(scripts) / 2


@pytest.mark.thorough
def test_what_is_changed_behind_the_back_takes_place() -> None:
    """Some rollbacks of twenty cost a store something, and all of those are noticed."""
    breaches = [breach for seed in range(20, 40) for breach in run(script_with(seed, UpsetKind.ROLLBACK)).breaches]

    assert len(breaches) > 5
    assert any(breach.lost for breach in breaches)
    assert all(breach.noticed is not None and breach.noticed < breach.at + 10 for breach in breaches)


def test_what_is_slow_takes_long_and_what_stands_still_loses_time() -> None:
    """The same run, some hundred times slower, and with a second in which nobody does anything."""
    steps = (Step(client=0, wait=0.0, act=Act.REMEMBER, memory=0, replica=0, retries=0),)
    plain = replace(_NOTHING_HAPPENS, steps=steps)
    slow = replace(plain, slow=(Slowness(where="journal", at=0.0, seconds=10.0, factor=500.0),))
    stalled = replace(plain, stalls=(Stall(at=0.0005, seconds=1.0),))
    lasted, when_slow, when_stalled = (
        run(script).events[0].ended - run(script).events[0].started for script in (plain, slow, stalled)
    )

    assert lasted < 0.05
    assert when_slow > 0.1
    assert 1.0 < when_stalled < 1.05


def _slow(script: Script) -> bool:
    return bool(script.slow)


def _stalled(script: Script) -> bool:
    return bool(script.stalls)


def test_a_seed_is_one_run() -> None:
    """The same seed gives the same history, so that a failure can be looked at again."""
    first, second = ([_plain(event) for event in run(script_of(7)).events] for _ in range(2))

    assert first == second


def _plain(event: Event) -> tuple[object, ...]:
    """Return an event without the ids that are minted at random."""
    return event.act, event.started, event.ended, event.ending, sorted(seen.content for seen in event.seen)
