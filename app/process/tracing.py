"""Tracing for the lifetime of the application, if it is configured."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from app import __version__
from app.settings import TracingSettings
from app.settings.environment import hidden
from observability import tracing
from observability.tracing import Tracer


@asynccontextmanager
async def tracing_with(settings: TracingSettings, tracer: Tracer) -> AsyncIterator[None]:
    """Have the tracer begin traces and send them, and make it the tracer of everything begun in this context."""
    if settings.endpoint is None:
        yield
        return
    # The SDK reads two dozen variables by itself; only what `ninai config show` prints must count.
    with hidden("OTEL_"):
        from observability.otlp.exporting import Collector, Exporting

        headers = {name: value.reveal() for name, value in settings.headers.items()}
        collector = Collector(endpoint=settings.endpoint, headers=headers, timeout=settings.timeout)
        exporting = Exporting(collector, service_name=settings.service_name, version=__version__, ratio=settings.ratio)
    tracer.begin = exporting.begin
    token = tracing.tracer.set(tracer)
    try:
        yield
    finally:
        tracing.tracer.reset(token)
        tracer.begin = None
        await exporting.close()
