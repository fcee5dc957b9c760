"""Growth curves as an SVG: both axes logarithmic, one line a series, with its values beside the points."""

from collections.abc import Mapping
from html import escape
from math import ceil, floor, log10

_WIDTH, _HEIGHT = 820, 420
_LEFT, _RIGHT, _TOP, _BOTTOM = 70, 290, 50, 70
_COLOURS = ("#c2410c", "#a16207", "#0f766e", "#1d4ed8", "#7e22ce", "#be185d", "#4d7c0f", "#0e7490", "#44403c")

Series = Mapping[str, Mapping[int, float]]


def growth_chart(title: str, series: Series, command: str) -> str:
    """Return the picture; `command` is what made it."""
    sizes = sorted({size for points in series.values() for size in points})
    values = [value for points in series.values() for value in points.values()]
    across = _Scale(log10(sizes[0]), log10(sizes[-1]), _LEFT, _WIDTH - _RIGHT)
    lowest, highest = floor(log10(min(values))), ceil(log10(max(values)))
    up = _Scale(lowest, highest, _HEIGHT - _BOTTOM, _TOP)
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {_HEIGHT}"',
        ' font-family="sans-serif" font-size="12">',
        f'<rect width="{_WIDTH}" height="{_HEIGHT}" fill="white"/>',
        f'<text x="{_LEFT}" y="26" font-size="15">{escape(title)}</text>',
        f'<text x="{_LEFT}" y="{_HEIGHT - 14}" fill="#57534e">{escape(command)}</text>',
    ]
    for power in range(lowest, highest + 1):
        height = up(power)
        lines.append(
            f'<line x1="{_LEFT}" x2="{_WIDTH - _RIGHT}" y1="{height:.1f}" y2="{height:.1f}" stroke="#e7e5e4"/>'
        )
        lines.append(f'<text x="{_LEFT - 8}" y="{height + 4:.1f}" text-anchor="end">{10.0**power:g}</text>')
    for size in sizes:
        place = across(log10(size))
        lines.append(f'<text x="{place:.1f}" y="{_HEIGHT - _BOTTOM + 20}" text-anchor="middle">{size:,}</text>')
    for number, (name, points) in enumerate(series.items()):
        colour = _COLOURS[number % len(_COLOURS)]
        placed = [(across(log10(size)), up(log10(value)), value) for size, value in sorted(points.items())]
        path = " ".join(f"{x:.1f},{y:.1f}" for x, y, _ in placed)
        lines.append(f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2"/>')
        for x, y, value in placed:
            lines.append(f'<circle cx="{x:.1f}" cy="{y:.1f}" r="3" fill="{colour}"/>')
            lines.append(f'<text x="{x:.1f}" y="{y - 8:.1f}" text-anchor="middle" fill="{colour}">{value:.3g}</text>')
        key = _TOP + 20 * number
        lines.append(f'<rect x="{_WIDTH - _RIGHT + 20}" y="{key - 9}" width="12" height="3" fill="{colour}"/>')
        lines.append(f'<text x="{_WIDTH - _RIGHT + 38}" y="{key - 3}">{escape(name)}</text>')
    return "\n".join([*lines, "</svg>", ""])


class _Scale:
    """Where a value between two others stands between two places."""

    def __init__(self, lowest: float, highest: float, start: float, end: float) -> None:
        self._lowest, self._start = lowest, start
        self._step = (end - start) / ((highest - lowest) or 1.0)

    def __call__(self, value: float) -> float:
        return self._start + (value - self._lowest) * self._step
