"""What a handler reads of a request: the caller first, then the body, and the names in the query."""

from typing import Any, TypeVar

import msgspec
from litestar import Request
from msgspec import Struct

from app.compat.calls import admitted_call
from app.compat.mem0.labels import LABELS
from app.compat.mem0.operations import Mem0Operations
from app.compat.mem0.requests import Named, Narrowed
from app.http.json.body import decode_of_any_size
from providers.errors import InvalidInput

AnyRequest = Request[Any, Any, Any]
Body = TypeVar("Body", bound=Struct)

MAX_PAGE_SIZE = 200
DEFAULT_PAGE_SIZE = 100
MAX_PAGE = 100_000


class PageNumber(Struct, frozen=True):
    """A page by its number, from 1, and how many memories a page has."""

    number: int
    size: int

    @property
    def skip(self) -> int:
        """How many memories stand on the pages before."""
        return (self.number - 1) * self.size


FIRST_PAGE = PageNumber(1, DEFAULT_PAGE_SIZE)


def operations_of(request: AnyRequest) -> Mem0Operations:
    """Return what can be done for the caller of a request; raise as `admitted_call` does."""
    return Mem0Operations(admitted_call(request))


async def body_of(request: AnyRequest, into: type[Body]) -> Body:
    """Decode the body, whatever media type it is declared as; without one every field is left out."""
    return decode_of_any_size(await request.body() or b"{}", into)


def named_in_query(request: AnyRequest) -> Named:
    """Return the names in the query."""
    names = {name: request.query_params.get(name) for name in ("user_id", *LABELS)}
    return msgspec.convert(names, Named)


def narrowed_in_query(request: AnyRequest) -> Narrowed:
    """Return the same as conditions."""
    named = named_in_query(request)
    return Narrowed(user_id=named.user_id, agent_id=named.agent_id, app_id=named.app_id, run_id=named.run_id)


def page_in_query(request: AnyRequest, default: PageNumber = FIRST_PAGE) -> PageNumber:
    """Return the page that the query asks for; raise `InvalidInput` if there is no such page."""
    number = int_in_query(request, "page", default.number, 1, MAX_PAGE)
    return PageNumber(number, int_in_query(request, "page_size", default.size, 1, MAX_PAGE_SIZE))


def int_in_query(request: AnyRequest, name: str, default: int, low: int, high: int) -> int:
    """Return a number of the query; raise `InvalidInput` if it is none, or out of its range."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or len(text) > len(str(high)) or not low <= int(text) <= high:
        raise InvalidInput(name, f"must be a whole number from {low} to {high}")
    return int(text)
