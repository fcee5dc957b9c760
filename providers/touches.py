"""Touches: memories whose expiry slides, and the moments at which somebody was given them."""

from collections.abc import Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from providers.limits import check_batch, check_memory_id, check_moment, check_owner
from providers.owners import Owner


class Touch(Struct, frozen=True, kw_only=True):
    """A memory that somebody was given at a moment."""

    owner: Owner
    memory_id: str
    moment: datetime


def check_touches(touches: Sequence[Touch]) -> list[Touch]:
    """Refuse a batch of touches with invalid ids or moments; return them with their ids in canonical form."""
    check_batch("touches", touches)
    for touch in touches:
        check_owner(touch.owner)
        check_moment("moment", touch.moment)
    return [replace(touch, memory_id=check_memory_id(touch.memory_id)) for touch in touches]
