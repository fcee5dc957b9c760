"""A line over the last minutes, of latencies or of requests, and the same in words."""

from collections.abc import Sequence

from msgspec import Struct

from app.console.wording import counted, milliseconds
from observability.callers import Ends
from observability.latency import INTERVAL_SECONDS, INTERVALS, Latency, LatencyHistory

WIDTH = 240
HEIGHT = 40
_TICK = 5  # a failure, below the lines
_TOP = 2
_BOTTOM = HEIGHT - _TICK - 3
_MINUTES = INTERVAL_SECONDS * INTERVALS // 60


class Sparkline(Struct, frozen=True, kw_only=True):
    """Hold a drawing: `median`, `tail` and `failed` are SVG path data; `title` says all of it, `caption` in short.

    `top` is what the highest point of the lines stands for, with its unit.
    """

    median: str
    tail: str
    failed: str
    title: str
    caption: str
    top: str
    width: int = WIDTH
    height: int = HEIGHT


def sparkline(history: LatencyHistory, name: str, what: str) -> Sparkline | None:
    """Draw the last minutes of one provider or operation, None if it was not asked; `what` is what was measured."""
    whole = history.whole(name)
    if whole is None:
        return None
    steps = history.steps(name)
    highest = max(step.tail for step in steps if step is not None)
    return Sparkline(
        median=_line([None if step is None else step.median / highest for step in steps]),
        tail=_line([None if step is None else step.tail / highest for step in steps]),
        failed=_ticks([step is not None and step.failed > 0 for step in steps]),
        title=_title(what, whole, highest),
        caption=_caption(whole),
        top=f"{milliseconds(highest)} ms",
    )


def rate_line(steps: Sequence[Ends]) -> Sparkline | None:
    """Draw the requests a second of the last minutes, None if there were none; a tick marks those that got nothing."""
    whole = sum(ends.requests for ends in steps)
    if not whole:
        return None
    highest = max(ends.requests for ends in steps)
    top = f"{highest / INTERVAL_SECONDS:,.3g}"
    unanswered = sum(ends.unanswered for ends in steps)
    return Sparkline(
        median=_line([ends.requests / highest for ends in steps]),
        tail="",
        failed=_ticks([ends.unanswered > 0 for ends in steps]),
        title=(
            f"Requests of callers that this process ended, over the last {_MINUTES} minutes in steps of"
            f" {INTERVAL_SECONDS} seconds: {whole:,}, at most {top} a second; {unanswered:,} failed or were refused."
        ),
        caption=counted(whole, "request", "requests"),
        top=f"{top}/s",
    )


def _title(what: str, whole: Latency, highest: float) -> str:
    return (
        f"Latency of {what}, in milliseconds, over the last {_MINUTES} minutes in"
        f" steps of {INTERVAL_SECONDS} seconds: median {milliseconds(whole.median)}, 95th percentile"
        f" {milliseconds(whole.tail)}, highest 95th percentile of a step {milliseconds(highest)}."
        f" {whole.failed:,} of {whole.count:,} failed."
    )


def _caption(whole: Latency) -> str:
    failed = f", {whole.failed:,} failed" if whole.failed else ""
    return f"p50 {milliseconds(whole.median)}, p95 {milliseconds(whole.tail)} ms; {whole.count:,} in all{failed}"


def _line(shares: Sequence[float | None]) -> str:
    """Join neighbours; a step without attempts leaves a gap, and one between two gaps is a dot."""
    drawn: list[str] = []
    before = False
    for place, share in enumerate(shares):
        if share is not None:
            y = round(_BOTTOM - share * (_BOTTOM - _TOP), 1)
            drawn.append(f"{'L' if before else 'M'}{_x(place)} {y}" + ("" if before else "h.1"))
        before = share is not None
    return " ".join(drawn)


def _ticks(failed: Sequence[bool]) -> str:
    return " ".join(f"M{_x(place)} {HEIGHT}v-{_TICK}" for place, one in enumerate(failed) if one)


def _x(place: int) -> float:
    return round(place * (WIDTH - 2) / (INTERVALS - 1) + 1, 1)
