"""Making a script that breaks a promise as short as it can be, so that a person can read it."""

import time
from collections.abc import Callable, Iterator

from msgspec.structs import replace

from tests.simulation.script import Script

Fails = Callable[[Script], bool]

_PARTS = ("steps", "faults", "slow", "stalls", "crashes", "switches", "upsets", "old")


def shrunk(script: Script, fails: Fails, seconds: float = 20.0, now: Callable[[], float] = time.monotonic) -> Script:
    """Take away whatever is not needed for the run to fail, until nothing is left to take or the time is over."""
    deadline = now() + seconds
    while True:
        smaller = _pass(script, fails, lambda: now() < deadline)
        if smaller == script or now() >= deadline:
            return smaller
        script = smaller


def described(script: Script) -> str:
    """Return a script as lines to be read."""
    plain = [f"{name}: {getattr(script, name)}" for name in script.__struct_fields__ if name not in _PARTS]
    return "\n".join([*plain, *(str(part) for name in _PARTS for part in getattr(script, name))])


def _pass(script: Script, fails: Fails, go_on: Callable[[], bool]) -> Script:
    for name in _PARTS:
        script = _without_parts(script, name, fails, go_on)
    for candidate in _plainer(script):
        if go_on() and fails(candidate):
            return candidate  # the next pass begins with it
    return script


def _without_parts(script: Script, name: str, fails: Fails, go_on: Callable[[], bool]) -> Script:
    """Take away halves, then quarters, and in the end one part at a time."""
    size = len(getattr(script, name))
    while size:
        start = 0
        while start < len(getattr(script, name)) and go_on():
            parts = getattr(script, name)
            candidate = replace(script, **{name: (*parts[:start], *parts[start + size :])})
            if fails(candidate):
                script = candidate
            else:
                start += size
        size //= 2
    return script


def _plainer(script: Script) -> Iterator[Script]:
    if any(script.skews):
        yield replace(script, skews=(0.0,) * len(script.skews))
    if all(script.weak):  # where they have to be alike, they stay so
        yield replace(script, weak=(False,) * len(script.weak))
    elif any(script.weak):
        yield from (
            replace(script, weak=tuple(weak and at != place for at, weak in enumerate(script.weak)))
            for place in range(len(script.weak))
            if script.weak[place]
        )
    if script.looks:
        yield replace(script, looks=False)
    for place, step in enumerate(script.steps):
        if step.retries:
            steps = (*script.steps[:place], replace(step, retries=0), *script.steps[place + 1 :])
            yield replace(script, steps=steps)
    for place, fault in enumerate(script.faults):
        if fault.share < 1:
            faults = (*script.faults[:place], replace(fault, share=1.0), *script.faults[place + 1 :])
            yield replace(script, faults=faults)
