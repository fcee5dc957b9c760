"""`ETag` and `If-Match`: the version of a memory, and writes that are made only over the one that a caller has seen."""

import re
from typing import Any

from litestar import Request

from providers.base import MemoryProvider
from providers.errors import InvalidInput, MemoryNotFound, VersionMismatch
from providers.keys.writing import ANY, Expected
from providers.limits import MAX_VERSION
from providers.looks import looking
from providers.owners import Owner

ETAG = "ETag"
IF_MATCH = "If-Match"
IF_MATCH_PATTERN = r'^(\*|(W/)?"[0-9]{1,19}")$'

_NO_VERSION = 0  # that of no memory: a tag that none of ours is, or no longer
_TAG = re.compile(r'(?:W/)?"(?P<version>[\x21\x23-\x7e]*)"')


def etag_of(version: int) -> dict[str, str]:
    """Return the header that tells the version of a memory, nothing where the store has none."""
    return {ETAG: f'"{version}"'} if version else {}


def expected_by(request: Request[Any, Any, Any]) -> Expected:
    """Return the version that a caller expects; raise `InvalidInput` if it cannot be understood.

    Compressing proxies make tags weak, and those are taken as well.
    """
    given = request.headers.getall(IF_MATCH, [])
    if not given:
        return None
    if len(given) > 1:
        raise InvalidInput(IF_MATCH, "must be given once")
    if given[0].strip() == ANY:
        return ANY
    tag = _TAG.fullmatch(given[0].strip())
    if tag is None:
        raise InvalidInput(IF_MATCH, "must be the ETag of the memory, in its quotes, or *")
    version = tag["version"]
    # Python refuses to parse thousands of digits.
    return min(int(version), MAX_VERSION) if version.isdecimal() and len(version) < 20 else _NO_VERSION  # noqa: PLR2004 - digits of 64 bits


def version_in(expected: Expected) -> int | None:
    """Return the version that is expected of a memory that must be there anyway."""
    return expected if isinstance(expected, int) else None


async def why_not_deleted(provider: MemoryProvider, owner: Owner, memory_id: str, expected: Expected) -> Exception:
    """Return why a deletion has met nothing: there is no memory, or it has another version than the one expected."""
    if version_in(expected) is None:
        return MemoryNotFound(memory_id)
    try:
        with looking():
            await provider.fetch(owner, memory_id)
    except MemoryNotFound as error:
        return error
    return VersionMismatch(f"memory {memory_id}")
