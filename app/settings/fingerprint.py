"""A short hash of the settings that instances of one service share, so that a difference is noticed."""

import hashlib

import msgspec

from app.settings.listing import leaves
from app.settings.model import Settings

_CHARS = 12
_SHARED = ("order", "chain", "journal", "recall_limit", "limits", "quotas", "retention", "expiry", "erasure")


def fingerprint(settings: Settings) -> str:
    """Hash the order and the settings of its providers, masked as they are shown: no secret can be guessed from it.

    Ports, folders and the log are each instance's own, and a provider that is in no order does nothing.
    """
    shared = (*_SHARED, *(f"providers.{name}" for name in settings.order))
    effective = sorted(
        (leaf.path, leaf.value)
        for leaf in leaves(settings)
        if any(leaf.path == path or leaf.path.startswith((f"{path}.", f"{path}[")) for path in shared)
    )
    return hashlib.sha256(msgspec.json.encode(effective)).hexdigest()[:_CHARS]
