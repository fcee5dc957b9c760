"""The hash chain of an audit file: each line ends with a hash of itself and of the one before."""

from hashlib import sha256

import msgspec

from app.audit.entries import AuditEntry

# What the first entry of a chain follows.
NOTHING = "0" * 64
_BEFORE, _AFTER = b',"hash":"', b'"}\n'
_TAIL = len(_BEFORE) + len(NOTHING) + len(_AFTER)


class BrokenLine(Exception):
    """Signal a line that is no entry of an audit file."""


def line_of(entry: AuditEntry, before: str) -> tuple[bytes, str]:
    """Return the line of an entry that follows the one with this hash, and the hash of it."""
    body = msgspec.json.encode(entry)
    hashed = _hash(body, before)
    return body[:-1] + _BEFORE + hashed.encode() + _AFTER, hashed


def read_line(line: bytes) -> tuple[AuditEntry, bytes, str]:
    """Return the entry of a line, its bytes, and the hash that it states.

    Raises:
        BrokenLine: it was cut or is something else.
    """
    tail = line[-_TAIL:]
    if not tail.startswith(_BEFORE) or not tail.endswith(_AFTER):
        raise BrokenLine("has no hash at its end")
    body = line[:-_TAIL] + b"}"
    try:
        return msgspec.json.decode(body, type=AuditEntry), body, tail[len(_BEFORE) : -len(_AFTER)].decode()
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise BrokenLine(f"is no entry: {error}") from None


def follows(body: bytes, before: str, stated: str) -> bool:
    """Return whether an entry is as it was written, after the one with the hash `before`."""
    return _hash(body, before) == stated


def _hash(body: bytes, before: str) -> str:
    return sha256(before.encode() + body).hexdigest()
