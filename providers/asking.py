"""Questions and the moment as of which they are answered."""

from datetime import datetime
from typing import TypeVar

from msgspec.structs import replace

from providers.types import PageQuery, RecallQuery

Asked = TypeVar("Asked", RecallQuery, PageQuery)


def as_of(asked: Asked, now: datetime) -> Asked:
    """Return a question that is answered as of now, unless whoever passed it on has set another moment."""
    return asked if asked.now is not None else replace(asked, now=now)
