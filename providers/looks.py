"""Looks of the service's own: what it reads to decide about a request, or for operators, is given to no caller."""

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_looking: ContextVar[bool] = ContextVar("looking", default=False)


@contextmanager
def looking() -> Iterator[None]:
    """Read for ourselves for as long as this lasts, so that no expiry slides."""
    token = _looking.set(True)
    try:
        yield
    finally:
        _looking.reset(token)


def is_looking() -> bool:
    """Return whether what is read now is given to nobody."""
    return _looking.get()
