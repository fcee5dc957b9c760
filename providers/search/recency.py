"""The preference for what is recent."""

from datetime import datetime
from typing import Annotated

from msgspec import Meta, Struct

DAY = 86_400.0  # seconds
HALF_LIFE_DAYS = 30.0


class Recency(Struct, frozen=True, kw_only=True):
    """Prefer recent memories: the order of one created at `now` gains `weight`, half as much every `half_life`.

    `half_life` is in seconds.
    """

    now: datetime
    half_life: Annotated[float, Meta(gt=0)] = HALF_LIFE_DAYS * DAY
    weight: Annotated[float, Meta(gt=0, le=1)] = 0.2
