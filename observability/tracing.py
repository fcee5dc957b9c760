"""Where the time of a request goes, told as spans: a seam that costs next to nothing while nobody traces.

A part of the program says `with tracing.span("journal append"):`. That is a piece of whatever its task is doing, and
nothing at all if that is not traced. What is done for nobody who waits begins a trace of its own with `root`.

No span tells what users store or ask, who they are, which memory it is about, a key, or the words of an error.
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
    """On which side of a call a span is."""

    INTERNAL = auto()
    SERVER = auto()
    CLIENT = auto()


class Span:
    """One piece of work, from where it is made to the end of its `with`; this one is not traced, and does nothing.

    `recorded` tells whether it is worth gathering attributes for. `trace_id` and `span_id` are hexadecimal digits,
    none where nothing is traced; `traceparent` is what another service is told of it (W3C Trace Context), `exemplar`
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

    def child(self, name: str, kind: Kind, attributes: Attributes | None) -> "Span":  # noqa: ARG002 - the shape they share
        """Begin a piece of this piece."""
        return self

    def rename(self, name: str) -> None:
        """Give it a name that tells more than the one it began with."""

    def set(self, name: str, value: Value) -> None:
        """Say something about it."""

    def fail(self, error_type: str) -> None:
        """Say that it failed: `error_type` is the name of a class or a code, never a text."""

    def answer(self) -> None:
        """Say that what is raised through it, if anything, is no failure but an answer."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End it; an error fails it."""


NOTHING = Span()

# What the task is doing now; work that goes on in another task takes it along.
current: ContextVar[Span] = ContextVar("ninai_span", default=NOTHING)


class Tracer:
    """What begins traces, once there is somewhere to send them; until then nothing is traced."""

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
        """Begin a trace, or go on with the caller's: a `traceparent` that cannot be read is as good as none."""
        return NOTHING if self.begin is None else self.begin(name, kind, attributes, traceparent)


# The tracer of the process, for what is done in the background.
tracer: ContextVar[Tracer] = ContextVar("ninai_tracer", default=Tracer())  # noqa: B039 - nobody gives this one a way to begin


def span(name: str, kind: Kind = Kind.INTERNAL, attributes: Attributes | None = None) -> Span:
    """Begin a piece of what the task is doing."""
    above = current.get()
    return above if above is NOTHING else above.child(name, kind, attributes)


def root(name: str, attributes: Attributes | None = None) -> Span:
    """Begin a trace of what is done in the background."""
    return tracer.get().root(name, Kind.INTERNAL, attributes)


def exemplar() -> dict[str, str] | None:
    """Give what a histogram keeps of what the task is doing."""
    return current.get().exemplar


def detached() -> Context:
    """Give a context for a task that outlives what it was begun by, and is no piece of it."""
    context = copy_context()
    context.run(current.set, NOTHING)
    context.run(notes.current.set, None)
    return context
