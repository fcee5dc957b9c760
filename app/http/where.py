"""A condition on metadata as a query parameter: its JSON text."""

from msgspec import Struct

from app.http.json.body import decode, fault_of
from app.http.json.short_forms import FIELD
from app.http.problems import shortened
from providers.errors import InvalidInput
from providers.filters import Filter

MAX_WHERE_CHARS = 8_000  # what proxies let a query have
_QUOTED_CHARS = 200


class _Holder(Struct, frozen=True, forbid_unknown_fields=True):
    where: Filter | None = None


def read_where(text: str | None) -> Filter | None:
    """Return the condition; raise `InvalidInput` if it is none."""
    if text is None:
        return None
    written = text.encode(errors="surrogatepass")
    if (fault := fault_of(written)) is not None:  # of the text alone, which is a part of another one below
        raise InvalidInput(FIELD, f"is not JSON: {shortened(fault, _QUOTED_CHARS)}")
    return decode(b'{"where":%s}' % written, _Holder, FIELD).where
