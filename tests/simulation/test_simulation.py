"""Thousands of seeded runs of the whole design: whatever fails, no promise is broken."""

import pytest

from tests.simulation.events import Event
from tests.simulation.run import run
from tests.simulation.script import script_of
from tests.simulation.shrink import described, shrunk

_SHARDS, _SEEDS = 40, 50  # 2,000 runs, in parts that several workers can share
_SOAK_SHARDS, _SOAK_SEEDS = 100, 500
_SOAK_FROM = 1_000_000


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


@pytest.mark.parametrize("shard", range(_SHARDS))
def test_promises_are_kept(shard: int) -> None:
    """In no run is anything lost, stored twice, resurrected or left undelivered."""
    _check(range(shard * _SEEDS, (shard + 1) * _SEEDS))


@pytest.mark.soak
@pytest.mark.parametrize("shard", range(_SOAK_SHARDS))
def test_promises_are_kept_for_long(shard: int) -> None:
    """As above, in 50,000 runs that no other test has seen."""
    start = _SOAK_FROM + shard * _SOAK_SEEDS
    _check(range(start, start + _SOAK_SEEDS))


def test_a_seed_is_one_run() -> None:
    """The same seed gives the same history, so that a failure can be looked at again."""
    first, second = ([_plain(event) for event in run(script_of(7)).events] for _ in range(2))

    assert first == second


def _plain(event: Event) -> tuple[object, ...]:
    """Give an event without the ids that are minted at random."""
    return event.act, event.started, event.ended, event.ending, sorted(seen.content for seen in event.seen)
