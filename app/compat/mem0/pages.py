"""Answers with many memories: bare, as results, and as pages by number."""

from urllib.parse import urlencode

from litestar import Response

from app.compat.mem0.operations import Mem0Operations
from app.compat.mem0.reading import (
    DEFAULT_PAGE_SIZE,
    FIRST_PAGE,
    MAX_PAGE,
    MAX_PAGE_SIZE,
    AnyRequest,
    PageNumber,
    page_in_query,
)
from app.compat.mem0.records import Mem0Memory, PageAnswer, ResultsAnswer, mem0_memories
from app.compat.mem0.requests import ListBody, Narrowed
from app.http.answers import in_parts
from observability.http import came_over_tls
from providers.limits import check_range


async def results_of(memories: list[Mem0Memory]) -> Response[ResultsAnswer]:
    """Return memories as `results`."""
    return await in_parts(ResultsAnswer(memories))


async def bare_list(operations: Mem0Operations, body: Narrowed) -> Response[list[Mem0Memory]]:
    """Return the newest memories as a list."""
    return Response(mem0_memories((await operations.page(body, 0, DEFAULT_PAGE_SIZE)).memories))


async def numbered_page(request: AnyRequest, operations: Mem0Operations, body: Narrowed) -> Response[PageAnswer]:
    """Return the page that the query asks for, or else the body, with links to its neighbours."""
    page = page_in_query(request, _page_in(body))
    found = await operations.page(body, page.skip, page.size)
    more = page.skip + page.size < found.count
    answer = PageAnswer(
        count=found.count,
        next=_link(request, page.number + 1, page.size) if more else None,
        previous=_link(request, page.number - 1, page.size) if page.number > 1 else None,
        results=mem0_memories(found.memories),
    )
    return await in_parts(answer)


def _page_in(body: Narrowed) -> PageNumber:
    if not isinstance(body, ListBody):
        return FIRST_PAGE
    page = PageNumber(body.page or 1, body.page_size or DEFAULT_PAGE_SIZE)
    check_range("page", page.number, 1, MAX_PAGE)
    check_range("page_size", page.size, 1, MAX_PAGE_SIZE)
    return page


def _link(request: AnyRequest, number: int, size: int) -> str:
    query = urlencode({**dict(request.query_params), "page": number, "page_size": size})
    prefix = request.app.state.settings.server.prefix
    scheme = "https" if came_over_tls(request.scope) else request.base_url.scheme
    return f"{scheme}://{request.base_url.netloc}{prefix}{request.scope['path']}?{query}"
