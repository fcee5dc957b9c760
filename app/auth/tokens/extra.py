"""Whether the extra `jwt` is installed."""

from importlib.util import find_spec


def installed() -> bool:
    """Return whether tokens can be verified here."""
    return find_spec("jwt") is not None and find_spec("cryptography") is not None
