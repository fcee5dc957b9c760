"""Whether the extra `redis` is installed."""

from importlib.util import find_spec


def installed() -> bool:
    """Return whether Redis can be spoken to here."""
    return find_spec("redis") is not None
