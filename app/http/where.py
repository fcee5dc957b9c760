"""A condition on metadata as a query parameter: its JSON text."""

from msgspec import Struct

from app.http.json.body import decode
from app.http.json.short_forms import FIELD
from providers.filters import Filter

MAX_WHERE_CHARS = 8_000  # what proxies let a query have


class _Holder(Struct, frozen=True, forbid_unknown_fields=True):
    where: Filter | None = None


def read_where(text: str | None) -> Filter | None:
    """Return the condition; raise `InvalidInput` or `RequestError` if it is none."""
    if text is None:
        return None
    return decode(b'{"where":%s}' % text.encode(errors="surrogatepass"), _Holder, FIELD).where
