"""What users are called at mem0: themselves, but for characters that it would misread; and names of our own."""

import re
from urllib.parse import unquote

# `*` is mem0's wildcard, whitespace is trimmed or refused, and `%` marks what was encoded.
_MISREAD = re.compile(r"[\s*%]")

# No encoded user starts like this: `%` is always followed by two hexadecimal digits there.
_OWN = "%ninai:"
STORE = f"{_OWN}store"
USERS = f"{_OWN}users"
_DELETED = f"{_OWN}deleted:"


def name_of(user_id: str) -> str:
    """Give the name under which a user's memories are kept."""
    return _MISREAD.sub(lambda char: "".join(f"%{byte:02X}" for byte in char[0].encode()), user_id)


def deleted_of(user_id: str) -> str:
    """Give the name under which a user's tombstones are kept, where no search among the memories meets them."""
    return _DELETED + name_of(user_id)


def user_of(name: str) -> str:
    """Give the user whose memories or tombstones are kept under a name."""
    return unquote(name.removeprefix(_DELETED))
