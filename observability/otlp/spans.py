"""Spans of OpenTelemetry's SDK, behind the interface of `observability/tracing.py`.

OpenTelemetry's own context is not used: a span receives its parent, and the current span of a task is kept in one
place alone.
"""

from contextvars import Token
from types import TracebackType
from typing import ClassVar, Self

from opentelemetry.context import Context
from opentelemetry.trace import Span as SdkSpan
from opentelemetry.trace import SpanKind, StatusCode, format_span_id, format_trace_id, set_span_in_context
from opentelemetry.trace import Tracer as SdkTracer
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

from observability.tracing import NOTHING, Attributes, Kind, Span, Value, current

_KINDS = {Kind.INTERNAL: SpanKind.INTERNAL, Kind.SERVER: SpanKind.SERVER, Kind.CLIENT: SpanKind.CLIENT}
_NO_PARENT = Context()
_w3c = TraceContextTextMapPropagator()


class Beginner:
    """Begin traces with a tracer of the SDK."""

    def __init__(self, tracer: SdkTracer) -> None:
        self._tracer = tracer

    def __call__(self, name: str, kind: Kind, attributes: Attributes | None, traceparent: str | None) -> Span:
        """Begin a trace, or continue another service's; see `Tracer.root`."""
        # Without `tracestate`: anything that a client writes into it would be sent to the collector.
        parent = _NO_PARENT if traceparent is None else _w3c.extract({"traceparent": traceparent}, _NO_PARENT)
        begun = _begun(self._tracer, name, parent, kind, attributes)
        return _Recorded(self._tracer, begun) if begun.is_recording() else _Unsampled(begun)


class _Known(Span):
    """Wrap a span of the SDK, recorded or not, and show its identity."""

    __slots__ = ("_span", "_token")

    def __init__(self, span: SdkSpan) -> None:
        self._span = span
        self._token: Token[Span] | None = None

    @property
    def trace_id(self) -> str:
        return format_trace_id(self._span.get_span_context().trace_id)

    @property
    def span_id(self) -> str:
        return format_span_id(self._span.get_span_context().span_id)

    @property
    def traceparent(self) -> str | None:
        flags = self._span.get_span_context().trace_flags
        return f"00-{self.trace_id}-{self.span_id}-{flags:02x}"

    def __enter__(self) -> Self:
        self._token = current.set(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._token is not None:
            current.reset(self._token)


class _Unsampled(_Known):
    """Stand for the root of an unsampled trace: the log and other services know its id, and it has no children."""

    __slots__ = ()

    def child(self, name: str, kind: Kind, attributes: Attributes | None) -> Span:  # noqa: ARG002 - the signature they share
        return NOTHING


class _Recorded(_Known):
    """Record a span that will be exported."""

    __slots__ = ("_answers", "_tracer")

    def __init__(self, tracer: SdkTracer, span: SdkSpan) -> None:
        super().__init__(span)
        self._tracer = tracer
        self._answers = False

    recorded: ClassVar[bool] = True

    @property
    def exemplar(self) -> dict[str, str] | None:
        return {"trace_id": self.trace_id}

    def child(self, name: str, kind: Kind, attributes: Attributes | None) -> Span:
        above = set_span_in_context(self._span, _NO_PARENT)
        return _Recorded(self._tracer, _begun(self._tracer, name, above, kind, attributes))

    def rename(self, name: str) -> None:
        self._span.update_name(name)

    def set(self, name: str, value: Value) -> None:
        self._span.set_attribute(name, value)

    def fail(self, error_type: str) -> None:
        self._span.set_attribute("error.type", error_type)
        self._span.set_status(StatusCode.ERROR)

    def answer(self) -> None:
        self._answers = True

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        super().__exit__(kind, error, traceback)
        if kind is not None and not self._answers:
            self.fail(kind.__name__)
        self._span.end()


def _begun(tracer: SdkTracer, name: str, parent: Context, kind: Kind, attributes: Attributes | None) -> SdkSpan:
    # The error that the SDK records by itself quotes its words.
    return tracer.start_span(
        name,
        context=parent,
        kind=_KINDS[kind],
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    )
