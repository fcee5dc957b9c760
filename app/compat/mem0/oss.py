"""The routes of mem0's own server, for clients that speak to one of their own."""

from litestar import Controller, Response, delete, get, post, put
from litestar.params import FromPath

from app.auth.admission import admit_protocol
from app.auth.routes import SCOPE
from app.compat.mem0.errors import HANDLERS
from app.compat.mem0.pages import results_of
from app.compat.mem0.reading import (
    AnyRequest,
    body_of,
    int_in_query,
    named_in_query,
    narrowed_in_query,
    operations_of,
)
from app.compat.mem0.records import (
    AddAnswer,
    HistoryEntry,
    Mem0Memory,
    MessageAnswer,
    ResultsAnswer,
    mem0_memories,
    mem0_memory,
)
from app.compat.mem0.requests import AddBody, SearchBody, UpdateBody
from observability.counted import counted

MAX_LISTED_AT_ONCE = 1_000
_DEFAULT_LISTED = 100


class OssController(Controller):
    """What clients of mem0's own server call."""

    include_in_schema = False
    exception_handlers = HANDLERS
    before_request = staticmethod(admit_protocol)

    @post("/memories", status_code=200, opt={SCOPE: "memory:write"})
    async def add(self, request: AnyRequest) -> AddAnswer:
        """Store messages."""
        operations = operations_of(request)
        return await operations.add(await body_of(request, AddBody))

    @get("/memories", opt={SCOPE: "memory:read"})
    async def list_newest(self, request: AnyRequest) -> Response[ResultsAnswer]:
        """List the newest memories with the names in the query; this API has no pages."""
        operations = operations_of(request)
        top_k = int_in_query(request, "top_k", _DEFAULT_LISTED, 0, MAX_LISTED_AT_ONCE)
        page = await operations.page(narrowed_in_query(request), 0, top_k)
        return await results_of(mem0_memories(page.memories))

    @delete("/memories", status_code=200, opt={SCOPE: "memory:delete"})
    async def delete_all(self, request: AnyRequest) -> MessageAnswer:
        """Delete all memories with the names in the query."""
        deleted = await operations_of(request).delete_all(named_in_query(request))
        return MessageAnswer(f"{counted(deleted, 'memory', 'memories')} deleted")

    @post("/search", status_code=200, opt={SCOPE: "memory:read"})
    async def search(self, request: AnyRequest) -> Response[ResultsAnswer]:
        """Find memories."""
        operations = operations_of(request)
        return await results_of(await operations.search(await body_of(request, SearchBody)))

    @get("/memories/{memory_id:str}", opt={SCOPE: "memory:read"})
    async def one(self, request: AnyRequest, memory_id: FromPath[str]) -> Mem0Memory:
        """Return one memory."""
        return mem0_memory(await operations_of(request).get(memory_id))

    @put("/memories/{memory_id:str}", opt={SCOPE: "memory:write"})
    async def update(self, request: AnyRequest, memory_id: FromPath[str]) -> Mem0Memory:
        """Change one memory."""
        operations = operations_of(request)
        return mem0_memory(await operations.update(memory_id, await body_of(request, UpdateBody)))

    @delete("/memories/{memory_id:str}", status_code=200, opt={SCOPE: "memory:delete"})
    async def delete_one(self, request: AnyRequest, memory_id: FromPath[str]) -> MessageAnswer:
        """Delete one memory."""
        await operations_of(request).delete(memory_id)
        return MessageAnswer("Memory deleted successfully")

    @get("/memories/{memory_id:str}/history", opt={SCOPE: "memory:read"})
    async def history(self, request: AnyRequest, memory_id: FromPath[str]) -> list[HistoryEntry]:
        """Return what is known of a memory's life."""
        return await operations_of(request).history(memory_id)
