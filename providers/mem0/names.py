"""What users are called at mem0: themselves, but for characters that it would misread; and names of our own."""

import re
from urllib.parse import unquote

from providers.owners import Owner

# `*` is mem0's wildcard, whitespace is trimmed or refused, and `%` marks what was encoded.
_MISREAD = re.compile(r"[\s*%]")

# No encoded user starts like this: `%` is always followed by two hexadecimal digits there.
_OWN = "%ninai:"
STORE = f"{_OWN}store"
USERS = f"{_OWN}users"
_DELETED = f"{_OWN}deleted:"


def name_of(owner: Owner) -> str:
    """Return the name under which an owner's memories are stored."""
    return _MISREAD.sub(lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), owner.key)


def deleted_of(owner: Owner) -> str:
    """Return the name under which an owner's tombstones are stored, where no search among the memories meets them."""
    return _DELETED + name_of(owner)


def owner_of(name: str) -> Owner:
    """Return the owner whose memories or tombstones are stored under a name."""
    return Owner.of_key(unquote(name.removeprefix(_DELETED)))
