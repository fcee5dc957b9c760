"""The arguments of the tools: those of the API's own requests, and what stands in a path or a query there."""

from typing import Annotated

from msgspec import Meta, Struct

from app.http.cursors import MAX_CURSOR_CHARS
from app.http.schemas import UpdateRequest
from providers import limits

MemoryId = Annotated[str, Meta(description="The id of the memory, a UUID.")]
_Limit = Annotated[int, Meta(ge=1, le=limits.MAX_LIST_LIMIT, description="Memories on a page.")]
_Cursor = Annotated[str, Meta(max_length=MAX_CURSOR_CHARS, description="The next_cursor of the page before.")]

DEFAULT_PAGE = 20


class ListArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Which page of the list is wanted."""

    limit: _Limit = DEFAULT_PAGE
    cursor: _Cursor | None = None


class MemoryArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Which memory is meant."""

    memory_id: MemoryId


class UpdateArguments(UpdateRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which memory is meant, and its changes; a field that is left out stays."""

    memory_id: MemoryId
