"""The arguments of the tools: those of the API's own requests, and what stands in a path or a query there."""

from typing import Annotated

from msgspec import Meta, Struct

from app.http.cursors import MAX_CURSOR_CHARS
from app.http.schemas import ChangeRequest, ConditionsRequest, ListRequest
from providers import limits
from providers.positions import Order

MemoryId = Annotated[str, Meta(description="The id of the memory, a UUID.")]
_Limit = Annotated[int, Meta(ge=1, le=limits.MAX_LIST_LIMIT, description="Memories on a page.")]
_Cursor = Annotated[str, Meta(max_length=MAX_CURSOR_CHARS, description="The next_cursor of the page before.")]

DEFAULT_PAGE = 20


class ListArguments(ConditionsRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which page of the list is wanted, and the conditions for its memories, as of a search."""

    order: Order = "newest"
    limit: _Limit = DEFAULT_PAGE
    cursor: _Cursor | None = None

    @property
    def request(self) -> ListRequest:
        """The page as the API's own request for one."""
        return ListRequest(**{name: getattr(self, name) for name in ListArguments.__struct_fields__})


class MemoryArguments(Struct, frozen=True, forbid_unknown_fields=True):
    """Which memory is meant."""

    memory_id: MemoryId


class UpdateArguments(ChangeRequest, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """Which memory is meant, and its changes; a field that is left out stays."""

    memory_id: MemoryId
