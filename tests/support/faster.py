"""Rules for Prometheus in which time passes faster: every duration is divided, and nothing else is touched."""

import re
from collections.abc import Callable, Mapping
from typing import Any

_UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800}
_DURATION = re.compile(r"(?P<before>\[|\boffset )(?P<number>\d+)(?P<unit>[smhdw])\b")
# An age has a limit in seconds, which is a duration as well.
_LIMIT = re.compile(r"(?P<before>_pending_seconds\) > )(?P<seconds>\d+|\(0\.8 \* 3600\))")


def seconds_of(duration: str) -> float:
    """Return the seconds of "5m"."""
    return float(duration[:-1]) * _UNITS[duration[-1]]


def faster(parsed: Mapping[str, Any], factor: float) -> dict[str, Any]:
    """Return the rules of a file with every duration cut to a share of it."""
    return {"groups": [_group(group, factor) for group in parsed["groups"]]}


def durations_replaced(expression: str, text: Callable[[float], str], limit: Callable[[str], str]) -> str:
    """Put a text for every duration, given in seconds, and for every limit of an age, given as it stands."""
    replaced = _DURATION.sub(
        lambda found: found["before"] + text(seconds_of(found["number"] + found["unit"])), expression
    )
    return _LIMIT.sub(lambda found: found["before"] + limit(found["seconds"]), replaced)


def _group(group: Mapping[str, Any], factor: float) -> dict[str, Any]:
    return {"name": group["name"], "rules": [_rule(rule, factor) for rule in group["rules"]]}


def _rule(rule: Mapping[str, Any], factor: float) -> dict[str, Any]:
    def shorter(seconds: float) -> str:
        return f"{round(1000 * seconds / factor)}ms"

    expression = durations_replaced(rule["expr"], shorter, lambda seconds: f"({seconds} / {factor:g})")
    waits = {"for": shorter(seconds_of(rule["for"]))} if "for" in rule else {}
    return {**rule, "expr": expression, **waits}
