"""The digests that distinguish the repetition of a write from another write under the same id."""

from hashlib import blake2b
from typing import Any

import msgspec
from msgspec import UNSET

from providers.types import Edit, Metadata

_DIGEST_BYTES = 16
_CHANGE_DIGEST_BYTES = 4  # it only distinguishes what one caller sends with one key
_encode = msgspec.json.Encoder(order="sorted").encode


def digest_of(content: str, metadata: Metadata | None) -> bytes:
    """Return 16 bytes that are equal for equal content and JSON metadata (1 equals 1.0, key order is ignored)."""
    return blake2b(_encode((content, _plain(metadata))), digest_size=_DIGEST_BYTES).digest()


def change_digest_of(edit: Edit, ttl_seconds: int | None = None) -> bytes:
    """Return 4 bytes that are equal for equal edits of a memory; an omitted part differs from null.

    Of an expiry that was given in seconds from now on, these are what is compared.
    """
    given: list[Any] = [[] if part is UNSET else [_plain(part)] for part in (edit.content, edit.metadata)]
    further = edit.further
    if further.get("sliding_seconds") is None:
        further.pop("sliding_seconds", None)
    if further:  # what says nothing of labels and expiry has the digest that it had before there were any, as above
        moments = {"expires_at"} if ttl_seconds is not None else set[str]()
        lasting = {} if ttl_seconds is None else {"ttl_seconds": ttl_seconds}
        given.append({name: value for name, value in further.items() if name not in moments} | lasting)
    return blake2b(_encode(given), digest_size=_CHANGE_DIGEST_BYTES).digest()


def _plain(value: Any) -> Any:  # noqa: ANN401 - any JSON value in, the same out
    if isinstance(value, dict):
        return {key: _plain(child) for key, child in value.items()}
    if isinstance(value, list):
        return [_plain(child) for child in value]
    if isinstance(value, float) and value.is_integer():
        return _whole(value)
    return value


def _whole(number: float) -> int | msgspec.Raw:
    """Return a whole float by its decimal digits: 1e23 is 10**23, not the binary number near it."""
    digits, _, exponent = repr(number).partition("e")
    if not exponent:
        return int(number)
    # As text: converting three hundred digits to a number and back takes ten times as long.
    before, _, behind = digits.partition(".")
    return msgspec.Raw(f"{before}{behind.ljust(int(exponent), '0')}".encode())
