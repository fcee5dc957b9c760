"""A moment from which answers may be wrong for a while, and how long that lasts."""

from collections.abc import Mapping

from msgspec import Struct

from providers.types import Snapshot


class Breach(Struct, kw_only=True):
    """What became of one change behind the chain's back.

    Until it was `noticed` the stores `names` may have given wrong answers, and until all was `filled` again answers had
    to be marked; by the time that it was `complete` everybody had heard of that. `lost` are the memories of which
    something was lost by nature, with what was left of them, None if that was nothing. `known` are those of which the
    journal knew when it happened, and when it was noticed. If somebody was `admitting` an order when it happened, the
    store that had introduced itself by then is waited for.
    """

    what: str
    at: float
    names: tuple[str, ...] = ()
    noticed: float | None = None
    filled: float | None = None
    complete: float | None = None
    lost: Mapping[str, Snapshot | None] = {}
    known: frozenset[str] = frozenset()
    admitting: bool = False
