"""A latency sparkline: its lines, and the same in words."""

from collections.abc import Callable, Sequence

from msgspec import Struct

from app.console.wording import milliseconds
from observability.latency import INTERVAL_SECONDS, INTERVALS, Latency, LatencyHistory

WIDTH = 240
HEIGHT = 40
_TICK = 5  # a failure, below the lines
_TOP = 2
_BOTTOM = HEIGHT - _TICK - 3
_MINUTES = INTERVAL_SECONDS * INTERVALS // 60


class Sparkline(Struct, frozen=True, kw_only=True):
    """Hold a drawing: `median`, `tail` and `failed` are SVG path data; `title` says all of it, `caption` in short."""

    median: str
    tail: str
    failed: str
    title: str
    caption: str
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(history: LatencyHistory, provider: str) -> Sparkline | None:
    """Draw the last minutes of one provider, None if it was not asked."""
    whole = history.whole(provider)
    if whole is None:
        return None
    steps = history.steps(provider)
    highest = max(step.tail for step in steps if step is not None)
    return Sparkline(
        median=_line(steps, lambda step: step.median / highest),
        tail=_line(steps, lambda step: step.tail / highest),
        failed=" ".join(f"M{_x(place)} {HEIGHT}v-{_TICK}" for place, step in enumerate(steps) if step and step.failed),
        title=_title(provider, whole, highest),
        caption=_caption(whole, highest),
    )


def _title(provider: str, whole: Latency, highest: float) -> str:
    return (
        f"Latency of the attempts of this process at {provider}, in milliseconds, over the last {_MINUTES} minutes in"
        f" steps of {INTERVAL_SECONDS} seconds: median {milliseconds(whole.median)}, 95th percentile"
        f" {milliseconds(whole.tail)}, highest 95th percentile of a step {milliseconds(highest)}."
        f" {whole.failed:,} of {whole.count:,} attempts failed."
    )


def _caption(whole: Latency, highest: float) -> str:
    failed = f", {whole.failed:,} failed" if whole.failed else ""
    times = f"p50 {milliseconds(whole.median)}, p95 {milliseconds(whole.tail)}, top {milliseconds(highest)} ms"
    return f"{times}; {whole.count:,} attempts{failed}"


def _line(steps: Sequence[Latency | None], share: Callable[[Latency], float]) -> str:
    """Join neighbours; a step without attempts leaves a gap, and one between two gaps is a dot."""
    drawn: list[str] = []
    before = False
    for place, step in enumerate(steps):
        if step is not None:
            y = round(_BOTTOM - share(step) * (_BOTTOM - _TOP), 1)
            drawn.append(f"{'L' if before else 'M'}{_x(place)} {y}" + ("" if before else "h.1"))
        before = step is not None
    return " ".join(drawn)


def _x(place: int) -> float:
    return round(place * (WIDTH - 2) / (INTERVALS - 1) + 1, 1)
