"""Ids as mem0's clients see them: the memory and its user in one word, because these clients name no user beside it."""

from base64 import urlsafe_b64decode, urlsafe_b64encode
from hashlib import sha256
from uuid import UUID

from msgspec import Struct

from providers.errors import InvalidInput, MemoryNotFound
from providers.limits import MAX_USER_ID_CHARS, check_uuid

_UUID_BYTES, _SEAL_BYTES = 16, 6
_PURPOSE = b"ninai.mem0.id\0"
# A character is at most four bytes of UTF-8, and three bytes are four characters of base64.
MAX_ID_CHARS = (_UUID_BYTES + _SEAL_BYTES + 4 * MAX_USER_ID_CHARS + 2) // 3 * 4
_QUOTED_CHARS = 40


class OpenedId(Struct, frozen=True):
    """Say which memory is meant, and whose it is; None if the id does not say so."""

    memory_id: str
    user: str | None


def sealed(memory_id: str, user: str) -> str:
    """Return the id that stands for a user's memory.

    It grants nothing: whoever shows it must be allowed to speak for the user. The seal tells an id that was cut or
    changed from one that was issued.
    """
    content = UUID(memory_id).bytes + user.encode()
    return urlsafe_b64encode(_seal(content) + content).decode().rstrip("=")


def opened(text: str) -> OpenedId:
    """Read an id, which may be the plain id of our own API as well; raise `MemoryNotFound` if nobody issued it."""
    try:
        return OpenedId(check_uuid("memory_id", text), None)
    except InvalidInput:
        pass
    try:
        raw = urlsafe_b64decode(text + "=" * (-len(text) % 4)) if len(text) <= MAX_ID_CHARS else b""
        place = OpenedId(str(UUID(bytes=raw[_SEAL_BYTES:][:_UUID_BYTES])), raw[_SEAL_BYTES + _UUID_BYTES :].decode())
    except ValueError:
        raise MemoryNotFound(text[:_QUOTED_CHARS]) from None
    if place.user is None or sealed(place.memory_id, place.user) != text:
        raise MemoryNotFound(text[:_QUOTED_CHARS])
    return place


def _seal(content: bytes) -> bytes:
    return sha256(_PURPOSE + content).digest()[:_SEAL_BYTES]
