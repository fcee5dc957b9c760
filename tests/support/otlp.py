"""A collector that speaks OTLP over HTTP, and keeps the spans that it is sent."""

import gzip
import time
from collections.abc import Callable, Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Lock, Thread
from types import TracebackType
from typing import NamedTuple, Self

from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, KeyValue
from opentelemetry.proto.trace.v1 import trace_pb2

HOST = "127.0.0.1"
WAIT_SECONDS = 20.0
_GZIP = b"\x1f\x8b"
_POLL = 0.02


class Span(NamedTuple):
    """One span as it came; ids in hexadecimal digits, `parent` "" for a root, `error` whether its status says so."""

    name: str
    kind: str
    trace: str
    id: str
    parent: str
    attributes: dict[str, object]
    error: bool
    resource: dict[str, object]

    @property
    def service(self) -> object:
        """Who sent it."""
        return self.resource["service.name"]


class Tree(NamedTuple):
    """A span with its pieces, in the order in which they began."""

    name: str
    pieces: list["Tree"]


class Collector:
    """Listen on a free port of the loopback for as long as the context lasts.

    `spans` holds what came, `headers` those of every request, and `everything` all that was sent, as text.
    """

    def __init__(self) -> None:
        self.headers: list[Mapping[str, str]] = []
        self.everything = ""
        self._spans: list[tuple[int, Span]] = []
        self._lock = Lock()
        self._server = ThreadingHTTPServer((HOST, 0), self._handler())
        self._server.daemon_threads = True
        self._thread = Thread(target=self._server.serve_forever, kwargs={"poll_interval": _POLL})

    @property
    def base_url(self) -> str:
        """What an exporter is configured with."""
        return f"http://{HOST}:{self._server.server_address[1]}"

    @property
    def spans(self) -> list[Span]:
        """All spans, in the order in which they began."""
        with self._lock:
            return [span for _, span in sorted(self._spans, key=lambda pair: pair[0])]

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def named(self, name: str) -> list[Span]:
        """Return all spans of a name."""
        return [span for span in self.spans if span.name == name]

    def trace(self, trace: str) -> list[Span]:
        """Return all spans of a trace."""
        return [span for span in self.spans if span.trace == trace]

    def trees(self, trace: str) -> list[Tree]:
        """Return a trace as trees, one for each span whose parent is not in it."""
        spans = self.trace(trace)
        ids = {span.id for span in spans}

        def tree(span: Span) -> Tree:
            return Tree(span.name, [tree(piece) for piece in spans if piece.parent == span.id])

        return [tree(span) for span in spans if span.parent not in ids]

    def wait_for(self, condition: Callable[[Self], bool]) -> None:
        """Wait until it is true of what has come."""
        deadline = time.monotonic() + WAIT_SECONDS
        while not condition(self):
            assert time.monotonic() < deadline, [span.name for span in self.spans]
            time.sleep(_POLL)

    def take(self, headers: Mapping[str, str], body: bytes) -> None:
        """Store what one request brings."""
        request = ExportTraceServiceRequest.FromString(gzip.decompress(body) if body.startswith(_GZIP) else body)
        with self._lock:
            self.headers.append(headers)
            self.everything += str(request)
            for of_resource in request.resource_spans:
                resource = _attributes(of_resource.resource.attributes)
                for of_scope in of_resource.scope_spans:
                    self._spans += ((span.start_time_unix_nano, _span(span, resource)) for span in of_scope.spans)

    def _handler(self) -> type[BaseHTTPRequestHandler]:
        collector = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["content-length"]))
                known = self.path == "/v1/traces"
                if known:
                    collector.take({name.lower(): value for name, value in self.headers.items()}, body)
                self.send_response(200 if known else 404)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the name in the base class
                """Log nothing."""

        return Handler


def _span(span: trace_pb2.Span, resource: dict[str, object]) -> Span:
    return Span(
        name=span.name,
        kind=trace_pb2.Span.SpanKind.Name(span.kind).removeprefix("SPAN_KIND_"),
        trace=span.trace_id.hex(),
        id=span.span_id.hex(),
        parent=span.parent_span_id.hex(),
        attributes=_attributes(span.attributes),
        error=span.status.code == trace_pb2.Status.STATUS_CODE_ERROR,
        resource=resource,
    )


def _attributes(pairs: "list[KeyValue]") -> dict[str, object]:
    return {pair.key: _value(pair.value) for pair in pairs}


def _value(value: AnyValue) -> object:
    kind = value.WhichOneof("value")
    assert kind is not None
    if kind == "array_value":
        return [_value(one) for one in value.array_value.values]
    found: object = getattr(value, kind)
    return found
