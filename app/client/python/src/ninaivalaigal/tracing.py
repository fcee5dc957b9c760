"""The trace of the caller, handed on to the service if OpenTelemetry is installed."""

from collections.abc import Callable
from functools import cache
from typing import Any


def trace_headers() -> dict[str, str]:
    """Return the headers of the present span; none without one, or without OpenTelemetry."""
    headers: dict[str, str] = {}
    _injector()(headers)
    return headers


@cache  # a failed import is tried anew by every `import`, which would cost each request
def _injector() -> Callable[[dict[str, str]], Any]:
    try:
        from opentelemetry import propagate
    except ImportError:
        return lambda _: None
    return propagate.inject
