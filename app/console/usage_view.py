"""The usage of keys, users and tenants as the console shows it."""

from msgspec import Struct, UnsetType

from app.http.usage_schemas import UsageEntry, UsageResponse
from providers.owners import DEFAULT_TENANT, Owner

PAGE = 50  # names on a page
NEAR = 0.9  # of a quota
_KILO = 1000.0
_UNITS = ("B", "kB", "MB", "GB", "TB", "PB")


class HeldView(Struct, frozen=True):
    """Show what is held of one unit, and the quota, if there is one; `mood` tells whether that is nearly used up."""

    held: str
    quota: str | None
    mood: str


class UsageRow(Struct, frozen=True):
    """Show one key, user or tenant; what it holds is None where that is not known."""

    name: str
    entry: UsageEntry
    memories: HeldView | None
    bytes: HeldView | None


def usage_rows(page: UsageResponse) -> list[UsageRow]:
    """Gather the rows of a page."""
    return [
        UsageRow(
            name=_label(entry),
            entry=entry,
            memories=_held(entry.memories, entry.memories_quota, in_bytes=False),
            bytes=_held(entry.bytes, entry.bytes_quota, in_bytes=True),
        )
        for entry in page.entries
    ]


def in_bytes_of(number: int) -> str:
    """Format a number of bytes: `999 B`, `1.2 MB`."""
    amount, place = float(number), 0
    while amount >= _KILO and place + 1 < len(_UNITS):
        amount, place = amount / _KILO, place + 1
    return f"{number} B" if place == 0 else f"{amount:.1f} {_UNITS[place]}"


def _label(entry: UsageEntry) -> str:
    tenant = DEFAULT_TENANT if isinstance(entry.tenant, UnsetType) else entry.tenant
    return Owner(entry.name, tenant).label


def _held(held: int | UnsetType, quota: int | UnsetType, *, in_bytes: bool) -> HeldView | None:
    if isinstance(held, UnsetType):
        return None
    said = in_bytes_of if in_bytes else "{:,}".format
    if isinstance(quota, UnsetType):
        return HeldView(said(held), None, "")
    mood = "bad" if held >= quota else "warn" if held >= NEAR * quota else ""
    return HeldView(said(held), said(quota), mood)
