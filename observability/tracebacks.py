"""Tracebacks for the log: where a bug is and of which kind, without words that may quote a memory."""

from collections.abc import Iterator
from traceback import format_tb
from types import TracebackType

# Errors of our own hold nothing that must not be logged; a foreign error may quote the input.
_OWN_PACKAGES = frozenset({"app", "providers", "observability"})

_CAUSE = "\nThe above exception was the direct cause of the following exception:\n\n"
_CONTEXT = "\nDuring handling of the above exception, another exception occurred:\n\n"

ExcInfo = tuple[type[BaseException], BaseException, TracebackType | None]


def format_without_words(exc_info: ExcInfo) -> str:
    """Format the error, its causes and its group as Python does, but of foreign errors the type alone."""
    return "".join(_lines(exc_info[1], set())).rstrip("\n")


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    if error.__cause__ is not None and id(error.__cause__) not in seen:
        yield from _lines(error.__cause__, seen)
        yield _CAUSE
    elif error.__context__ is not None and not error.__suppress_context__ and id(error.__context__) not in seen:
        yield from _lines(error.__context__, seen)
        yield _CONTEXT
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):\n"
        yield from format_tb(error.__traceback__)
    yield _named(error) + "\n"
    if isinstance(error, BaseExceptionGroup):
        for number, held in enumerate(error.exceptions, start=1):
            yield f"\nException {number} of {len(error.exceptions)} in the group:\n\n"
            yield from _lines(held, seen)


def _named(error: BaseException) -> str:
    kind = type(error)
    if kind.__module__.partition(".")[0] in _OWN_PACKAGES:
        return f"{kind.__module__}.{kind.__qualname__}: {error}"
    return kind.__qualname__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__qualname__}"
