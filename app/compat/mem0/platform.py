"""The memories in the API of mem0's managed service: version 3, and what clients still call of versions 1 and 2."""

from typing import Any

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath

from app.auth.admission import admit_protocol
from app.auth.routes import SCOPE
from app.compat.mem0.errors import HANDLERS
from app.compat.mem0.pages import bare_list, numbered_page, results_of
from app.compat.mem0.reading import AnyRequest, body_of, named_in_query, narrowed_in_query, operations_of
from app.compat.mem0.records import (
    AddAnswer,
    HistoryEntry,
    Mem0Memory,
    MessageAnswer,
    PageAnswer,
    ResultsAnswer,
    mem0_memory,
)
from app.compat.mem0.requests import AddBody, BatchBody, ListBody, SearchBody, UpdateBody
from observability.counted import counted

_WITH_RESULTS = "v1.1"


class PlatformController(Controller):
    """What `MemoryClient` of mem0's packages calls."""

    include_in_schema = False
    exception_handlers = HANDLERS
    before_request = staticmethod(admit_protocol)

    @post("/v3/memories/add", status_code=200, opt={SCOPE: "memory:write"})
    async def add(self, request: AnyRequest) -> AddAnswer:
        """Store messages."""
        return await operations_of(request).add(await body_of(request, AddBody))

    @post("/v1/memories", status_code=200, opt={SCOPE: "memory:write"})
    async def add_v1(self, request: AnyRequest) -> Response[Any]:
        """Store messages; the results come bare unless the client asks for another form."""
        operations = operations_of(request)
        body = await body_of(request, AddBody)
        answer = await operations.add(body)
        return Response(answer if body.output_format == _WITH_RESULTS else answer.results)

    @post("/v3/memories/search", status_code=200, opt={SCOPE: "memory:read"})
    async def search(self, request: AnyRequest) -> Response[ResultsAnswer]:
        """Find memories."""
        operations = operations_of(request)
        return await results_of(await operations.search(await body_of(request, SearchBody)))

    @post(["/v1/memories/search", "/v2/memories/search"], status_code=200, opt={SCOPE: "memory:read"})
    async def search_v1(self, request: AnyRequest) -> Response[Any]:
        """Find memories; they come bare unless the client asks for another form."""
        operations = operations_of(request)
        body = await body_of(request, SearchBody)
        found = await operations.search(body)
        return await results_of(found) if body.output_format == _WITH_RESULTS else Response(found)

    @post("/v3/memories", status_code=200, opt={SCOPE: "memory:read"})
    async def list_all(self, request: AnyRequest) -> Response[PageAnswer]:
        """List memories, page by page."""
        operations = operations_of(request)
        return await numbered_page(request, operations, await body_of(request, ListBody))

    @post("/v2/memories", status_code=200, opt={SCOPE: "memory:read"})
    async def list_v2(self, request: AnyRequest) -> Response[Any]:
        """List memories: a page if one is asked for, else a bare list of the newest."""
        operations = operations_of(request)
        body = await body_of(request, ListBody)
        if body.page is None and "page" not in request.query_params:
            return await bare_list(operations, body)
        return await numbered_page(request, operations, body)

    @get("/v1/memories", opt={SCOPE: "memory:read"})
    async def list_v1(self, request: AnyRequest) -> Response[Any]:
        """List memories by the names in the query, in the form of version 2."""
        operations = operations_of(request)
        body = narrowed_in_query(request)
        if "page" not in request.query_params:
            return await bare_list(operations, body)
        return await numbered_page(request, operations, body)

    @delete("/v1/memories", status_code=200, opt={SCOPE: "memory:delete"})
    async def delete_all(self, request: AnyRequest) -> MessageAnswer:
        """Delete all memories with the names in the query."""
        deleted = await operations_of(request).delete_all(named_in_query(request))
        return MessageAnswer(f"{counted(deleted, 'memory', 'memories')} deleted")

    @get("/v1/memories/{memory_id:str}", opt={SCOPE: "memory:read"})
    async def one(self, request: AnyRequest, memory_id: FromPath[str]) -> Mem0Memory:
        """Return one memory."""
        return mem0_memory(await operations_of(request).get(memory_id))

    @put("/v1/memories/{memory_id:str}", opt={SCOPE: "memory:write"})
    async def update(self, request: AnyRequest, memory_id: FromPath[str]) -> Mem0Memory:
        """Change one memory."""
        operations = operations_of(request)
        return mem0_memory(await operations.update(memory_id, await body_of(request, UpdateBody)))

    @delete("/v1/memories/{memory_id:str}", status_code=200, opt={SCOPE: "memory:delete"})
    async def delete_one(self, request: AnyRequest, memory_id: FromPath[str]) -> MessageAnswer:
        """Delete one memory."""
        await operations_of(request).delete(memory_id)
        return MessageAnswer("Memory deleted")

    @get("/v1/memories/{memory_id:str}/history", opt={SCOPE: "memory:read"})
    async def history(self, request: AnyRequest, memory_id: FromPath[str]) -> list[HistoryEntry]:
        """Return what is known of a memory's life."""
        return await operations_of(request).history(memory_id)

    @put("/v1/batch", opt={SCOPE: "memory:write"})
    async def update_batch(self, request: AnyRequest) -> MessageAnswer:
        """Change the texts of several memories."""
        operations = operations_of(request)
        changed = await operations.update_many((await body_of(request, BatchBody)).memories)
        return MessageAnswer(f"{counted(changed, 'memory', 'memories')} updated")

    @delete("/v1/batch", status_code=200, opt={SCOPE: "memory:delete"})
    async def delete_batch(self, request: AnyRequest) -> MessageAnswer:
        """Delete several memories."""
        operations = operations_of(request)
        deleted = await operations.delete_many((await body_of(request, BatchBody)).memories)
        return MessageAnswer(f"{counted(deleted, 'memory', 'memories')} deleted")
