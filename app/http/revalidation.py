"""`If-None-Match`: 304 without a body to a client that has already what it asks for (RFC 9110, section 13.1.2)."""

from typing import Any, cast

from litestar import Request, Response

from app.http.answers import shown
from app.http.preconditions import ETAG, etag_of
from providers.types import MemoryRecord

IF_NONE_MATCH = "If-None-Match"
NOT_MODIFIED = 304

_ANY = "*"


def known_to(request: Request[Any, Any, Any]) -> list[str]:
    """Return the tags of what a client has, as its headers list them."""
    return request.headers.getall(IF_NONE_MATCH, [])


def names(conditions: list[str], etag: str | None) -> bool:
    """Return whether the values of `If-None-Match` name a representation, compared weakly; None is one without a tag.

    A proxy that compresses what it passes on makes a strong tag weak.
    """
    tags = [tag.strip() for condition in conditions for tag in condition.split(",")]
    return any(tag == _ANY or (etag is not None and tag.removeprefix("W/") == etag) for tag in tags)


def memory_unless_known(memory: MemoryRecord, known: list[str]) -> Response[MemoryRecord]:
    """Return the response with a memory, or 304 to a client that has this version of it."""
    headers = etag_of(memory.version)
    if known and names(known, headers.get(ETAG)):
        # The framework passes bytes on as they are; the document has the answer's own type.
        return Response(cast("MemoryRecord", b""), status_code=NOT_MODIFIED, headers=headers)
    return Response(shown(memory), headers=headers)
