"""One memory as mem0 has it, whatever the dialect."""

from collections.abc import Iterable
from datetime import datetime
from typing import Any, TypeVar

import msgspec
from msgspec import Struct

from providers.errors import Unavailable

Kind = TypeVar("Kind")


class Item(Struct, frozen=True, kw_only=True):
    """A memory under mem0's own id and mem0's name of the user; `score` in [0, 1] is set in answers to a search."""

    id: str
    user: str
    text: str
    metadata: dict[str, Any] | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    score: float | None = None


class Listing(Struct, frozen=True):
    """What mem0 lists of a user; `whole` is False if there is more than it can list."""

    items: list[Item]
    whole: bool = True


def converted(body: object, kind: type[Kind], *, ambiguous: bool = False) -> Kind:
    """Convert an answer's body to what it should be, without unknown keys; raise `Unavailable` if it is not that."""
    try:
        return msgspec.convert(body, kind)
    except msgspec.ValidationError as error:
        raise Unavailable(f"mem0 answers something else than memories: {error}", ambiguous=ambiguous) from error


def unique(items: Iterable[Item]) -> list[Item]:
    """Return every item once, in the order in which they came first."""
    return list({item.id: item for item in items}.values())
