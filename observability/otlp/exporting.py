"""Exporting spans from the process: in batches, from a thread of their own, without blocking anything.

A collector that is down, slow or full costs spans and nothing else: what does not fit into the queue is dropped.
"""

import asyncio
from collections.abc import Sequence
from threading import Thread
from uuid import uuid4

import requests
import structlog
from msgspec import Struct
from opentelemetry.exporter.otlp.proto.http import Compression
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanLimits, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.sdk.version import __version__ as sdk_version

from observability.otlp.spans import Beginner

FLUSH_SECONDS = 2.0  # at the end, for what has not been sent yet
_EVERY_MILLISECONDS = 1_000
_QUEUE = 4_096  # spans
_BATCH = 512  # spans
_LOOK_SECONDS = 0.01

# All of them are passed, so that the SDK does not look for them in the environment.
_LIMITS = SpanLimits(
    max_attributes=64,
    max_events=8,
    max_links=8,
    max_span_attributes=64,
    max_event_attributes=8,
    max_link_attributes=8,
    max_attribute_length=2_048,
    max_span_attribute_length=2_048,
)

_log = structlog.get_logger(__name__)


class Collector(Struct, frozen=True, kw_only=True):
    """Configure where spans go: `endpoint` is the base URL, `timeout` is in seconds for one request."""

    endpoint: str
    headers: dict[str, str]
    timeout: float


class Exporting:
    """Export the spans of one process; made in the process that sends them, since threads do not survive a fork."""

    def __init__(self, collector: Collector, *, service_name: str, version: str, ratio: float) -> None:
        self._exporter = _LoggedExporter(_exporter(collector), collector.endpoint)
        self._processor = BatchSpanProcessor(
            self._exporter,
            max_queue_size=_QUEUE,
            schedule_delay_millis=_EVERY_MILLISECONDS,
            max_export_batch_size=_BATCH,
            export_timeout_millis=collector.timeout * 1_000,
        )
        provider = TracerProvider(
            sampler=ParentBased(TraceIdRatioBased(ratio)),
            resource=_resource(service_name, version),
            shutdown_on_exit=False,  # it would wait for a collector without end
            span_limits=_LIMITS,
        )
        provider.add_span_processor(self._processor)
        self.begin = Beginner(provider.get_tracer("ninai", version))

    async def close(self) -> None:
        """Send the remaining spans, within `FLUSH_SECONDS`."""
        # Not a thread of a pool: the interpreter waits for pool threads when it exits.
        flushing = Thread(target=self._processor.shutdown, name="flush spans", daemon=True)
        flushing.start()
        loop = asyncio.get_running_loop()
        deadline = loop.time() + FLUSH_SECONDS
        while flushing.is_alive() and loop.time() < deadline:  # noqa: ASYNC110 - a thread sends no event when it ends
            await asyncio.sleep(_LOOK_SECONDS)
        self._exporter.shutdown()


class _LoggedExporter(SpanExporter):
    """Log once that a collector refuses spans, and once that it accepts them again; silence the exporter's log."""

    def __init__(self, exporter: SpanExporter, endpoint: str) -> None:
        self._exporter = exporter
        self._endpoint = endpoint
        self._fails = False
        self._closed = False

    def export(self, spans: Sequence[ReadableSpan]) -> SpanExportResult:
        result = self._exporter.export(spans)
        failed = result is not SpanExportResult.SUCCESS
        if failed and not self._fails and not self._closed:
            _log.warning("spans_not_exported", endpoint=self._endpoint)
        if not failed and self._fails:
            _log.info("spans_exported_again", endpoint=self._endpoint)
        self._fails = failed
        return result

    def shutdown(self) -> None:
        if not self._closed:
            self._closed = True
            self._exporter.shutdown()


def _exporter(collector: Collector) -> OTLPSpanExporter:
    session = requests.Session()
    session.trust_env = False  # no proxy and no credentials that the settings do not name
    return OTLPSpanExporter(
        endpoint=f"{collector.endpoint.rstrip('/')}/v1/traces",
        headers=collector.headers,
        timeout=collector.timeout,
        compression=Compression.Gzip,
        session=session,
    )


def _resource(service_name: str, version: str) -> Resource:
    """Name the process; `Resource.create` would read the environment."""
    return Resource(
        {
            "service.name": service_name,
            "service.version": version,
            "service.instance.id": str(uuid4()),
            "telemetry.sdk.language": "python",
            "telemetry.sdk.name": "opentelemetry",
            "telemetry.sdk.version": sdk_version,
        }
    )
