"""Tracing: where the time of a request goes, as spans; the seam costs next to nothing while tracing is off.

A part of the program says `with tracing.span("journal append"):`. That begins a child of the task's current span, and
does nothing if the task is not traced. Background work begins a trace of its own with `root`.

No span holds what users store or query, who they are, which memory it is about, a key, or the words of an error.
"""

from collections.abc import Callable, Mapping, Sequence
from contextvars import Context, ContextVar, copy_context
from enum import Enum, auto
from types import TracebackType
from typing import ClassVar, Self

from observability import notes

Value = str | bool | int | float | Sequence[str]
Attributes = Mapping[str, Value]


class Kind(Enum):
    """Name on which side of a call a span is."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()


class Span:
    """Represent one piece of work, from its creation to the end of its `with`; this base class traces nothing.

    `recorded` says whether attributes are worth gathering for it. `trace_id` and `span_id` are hexadecimal digits,
    empty where nothing is traced; `traceparent` is what another service receives of it (W3C Trace Context), `exemplar`
    what a histogram keeps of it, both None where there is nothing to be found.
    """

    __slots__ = ()

    recorded: ClassVar[bool] = False

    @property
    def trace_id(self) -> str:
        """The id of the whole trace, 32 hexadecimal digits."""
        return ""

    @property
    def span_id(self) -> str:
        """The id of this span, 16 hexadecimal digits."""
        return ""

    @property
    def traceparent(self) -> str | None:
        """The value of the header that makes another service's work a part of this."""
        return None

    @property
    def exemplar(self) -> dict[str, str] | None:
        """The labels of an exemplar, from which the trace can be found."""
        return None

    def child(self, name: str, kind: Kind, attributes: Attributes | None) -> "Span":  # noqa: ARG002 - the signature they share
        """Begin a child span."""
        return self

    def rename(self, name: str) -> None:
        """Replace the name that it began with by a more precise one."""

    def set(self, name: str, value: Value) -> None:
        """Set an attribute."""

    def fail(self, error_type: str) -> None:
        """Mark it as failed: `error_type` is the name of a class or a code, never a text."""

    def answer(self) -> None:
        """Mark an exception that passes through it, if any, as an answer and no failure."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; an exception marks it as failed."""


NOTHING = Span()

# The current span of the task; work that goes on in another task inherits it.
current: ContextVar[Span] = ContextVar("ninai_span", default=NOTHING)


class Tracer:
    """Begin traces, once there is a collector to send them to; until then nothing is traced."""

    def __init__(self) -> None:
        self.begin: Callable[[str, Kind, Attributes | None, str | None], Span] | None = None

    @property
    def on(self) -> bool:
        """Whether anything is traced."""
        return self.begin is not None

    def root(
        self,
        name: str,
        kind: Kind = Kind.INTERNAL,
        attributes: Attributes | None = None,
        *,
        traceparent: str | None = None,
    ) -> Span:
        """Begin a trace, or continue the caller's: an unreadable `traceparent` counts as none."""
        return NOTHING if self.begin is None else self.begin(name, kind, attributes, traceparent)


# The tracer of the process, for background work.
tracer: ContextVar[Tracer] = ContextVar("ninai_tracer", default=Tracer())  # noqa: B039 - nothing ever sets a beginner on this one


def span(name: str, kind: Kind = Kind.INTERNAL, attributes: Attributes | None = None) -> Span:
    """Begin a child of the task's current span."""
    above = current.get()
    return above if above is NOTHING else above.child(name, kind, attributes)


def root(name: str, attributes: Attributes | None = None) -> Span:
    """Begin a trace of background work."""
    return tracer.get().root(name, Kind.INTERNAL, attributes)


def exemplar() -> dict[str, str] | None:
    """Return what a histogram keeps of the task's current span."""
    return current.get().exemplar


def detached() -> Context:
    """Return a context for a task that outlives the span it was begun in, and belongs to none."""
    context = copy_context()
    context.run(current.set, NOTHING)
    context.run(notes.current.set, None)
    return context
