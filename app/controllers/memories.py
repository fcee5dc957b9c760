"""Memories of the calling user: remember, recall, list, get, update, delete."""

from typing import Annotated, Literal

from litestar import HttpMethod, Response, delete, get, patch, post, route
from litestar.di import NamedDependency
from litestar.params import JSONBody, PathParameter, QueryParameter

from app.controllers.resources import READ_PROBLEMS, UserResource, taking
from app.http import problems, schemas
from app.http.admission import price
from app.http.answers import of_memories
from app.http.calls import ReadCall, WriteCall
from app.http.cursors import MAX_CURSOR_CHARS, after_cursor, next_cursor
from app.http.headers import stored_or_accepted, write_status
from app.http.json.body import JsonDTO
from app.http.parameters import PARAMETERS
from app.http.schemas import DeleteResponse, RecallRequest, RecallResponse, RememberRequest, RememberResponse
from providers import limits
from providers.answers import PARTIAL
from providers.errors import InvalidInput, MemoryNotFound
from providers.types import Deletion, MemoryRecord, PageQuery

ABSENT = (problems.MEMORY_NOT_FOUND,)
_OF_LIST = problems.described(*READ_PROBLEMS, problems.CURSOR_LOST, problems.SESSION_LOST)
_OF_DELETE = problems.described(*READ_PROBLEMS, *ABSENT, accepted=DeleteResponse)
_RECALL_PROBLEMS = (*READ_PROBLEMS, problems.SESSION_LOST, problems.TOO_DEAR, problems.ANSWER_TOO_LARGE)
_REMEMBER_PROBLEMS = (*READ_PROBLEMS, problems.CONFLICT, problems.MEMORY_DELETED)

# Checked by the providers; a pattern here would be a second rule with a message of its own.
MemoryId = Annotated[str, PathParameter(description="A UUID.", schema_extra={"format": "uuid"})]
_LIMIT = QueryParameter(ge=1, le=limits.MAX_LIST_LIMIT, description="Memories on a page.")
_OFFSET = QueryParameter(ge=0, le=limits.MAX_LIST_OFFSET, description="Memories to skip; not together with a cursor.")
_CURSOR = QueryParameter(max_length=MAX_CURSOR_CHARS, description="The `next_cursor` of the page before.")
_CONFIRM = QueryParameter(description="Must be `everything`, because all memories are deleted.")


class MemoriesController(UserResource):
    """One user's memories, one at a time."""

    tags = ("memory",)

    # The framework's own would name the last of the methods alone; handlers are registered by name, and this is first.
    @route("/memories/{memory_id:str}", http_method=HttpMethod.OPTIONS, status_code=204, include_in_schema=False)
    async def allowed_methods(self, memory_id: MemoryId) -> Response[None]:  # noqa: ARG002 - part of the path
        """Return the methods for one memory."""
        return Response(None, headers={"Allow": "DELETE, GET, OPTIONS, PATCH"})

    @route("/memories", http_method=HttpMethod.OPTIONS, status_code=204, include_in_schema=False)
    async def allowed_methods_for_all(self) -> Response[None]:
        """Return the methods for all memories."""
        return Response(None, headers={"Allow": "DELETE, GET, OPTIONS"})

    @post(
        "/remember",
        status_code=200,
        **taking(JsonDTO[RememberRequest], *_REMEMBER_PROBLEMS, accepted=RememberResponse),
    )
    async def remember(
        self, data: JSONBody[RememberRequest], write: NamedDependency[WriteCall]
    ) -> Response[RememberResponse]:
        """Store a new memory.

        With an `Idempotency-Key` a repeated request stores once and returns the same id. 202 with the status `accepted`
        means that the memory is durable and is found, although the first provider has not confirmed it yet.
        """
        await write.admission.charge(price.of_memory(data))
        stored = await write.provider.store(data.memory(write.owner, write.ids.memory()))
        return Response(RememberResponse(stored.id, stored_or_accepted(stored)), status_code=write_status(stored))

    @post("/recall", status_code=200, **taking(JsonDTO[RecallRequest], *_RECALL_PROBLEMS))
    async def recall(self, data: JSONBody[RecallRequest], call: NamedDependency[ReadCall]) -> Response[RecallResponse]:
        """Find the memories nearest to a query, by meaning and by words, best first."""
        await call.admission.charge(price.of_question(data, call.recall_limit))
        found = await call.provider.find(data.recall_query(call.owner, call.recall_limit, call.most_bytes))
        return await of_memories(RecallResponse(found.memories, len(found.memories)))

    @get("/memories", opt={PARAMETERS: ("limit", "offset", "cursor")}, responses=_OF_LIST)
    async def list_memories(
        self,
        call: NamedDependency[ReadCall],
        limit: Annotated[int, _LIMIT] = limits.DEFAULT_LIST_LIMIT,
        offset: Annotated[int, _OFFSET] = 0,
        cursor: Annotated[str | None, _CURSOR] = None,
    ) -> Response[schemas.ListResponse]:
        """List memories from newest to oldest.

        The cursor neither repeats nor skips when memories come and go meanwhile; the offset may. A page that would be
        larger than an answer may be (16 MiB by default) ends early, with a cursor.
        """
        await call.admission.charge(price.of_page(limit, offset))
        page = await call.provider.page(_page(call, limit, offset, cursor))
        more = next_cursor(page, limit)
        return await of_memories(schemas.ListResponse(page.memories, len(page.memories), more))

    @delete(
        "/memories",
        status_code=200,
        opt={PARAMETERS: ("confirm",)},
        responses=problems.described(*READ_PROBLEMS, accepted=schemas.DeleteAllResponse),
    )
    async def delete_all(
        self,
        write: NamedDependency[WriteCall],
        confirm: Annotated[Literal["everything"] | None, _CONFIRM] = None,
    ) -> Response[schemas.DeleteAllResponse]:
        """Delete all memories of the user for good, up to 1,000 in one request. 202 as for one."""
        if confirm is None:
            raise InvalidInput("confirm", 'must be "everything": this deletes all memories of the user')
        await write.admission.charge(price.ERASE_ALL)
        erased = await write.provider.erase_all(write.owner)
        # There may be memories that the provider could not list.
        more = erased.count == limits.MAX_BATCH or PARTIAL in erased.degraded
        return Response(schemas.DeleteAllResponse(erased.count, more), status_code=write_status(erased))

    @get("/memories/{memory_id:str}", responses=problems.described(*READ_PROBLEMS, *ABSENT, problems.SESSION_LOST))
    async def get_memory(self, memory_id: MemoryId, call: NamedDependency[ReadCall]) -> MemoryRecord:
        """Return one memory."""
        return (await call.provider.fetch(call.owner, memory_id)).memory

    @patch(
        "/memories/{memory_id:str}",
        **taking(JsonDTO[schemas.UpdateRequest], *READ_PROBLEMS, *ABSENT, problems.CONFLICT, accepted=MemoryRecord),
    )
    async def update_memory(
        self, memory_id: MemoryId, data: JSONBody[schemas.UpdateRequest], write: NamedDependency[WriteCall]
    ) -> Response[MemoryRecord]:
        """Replace the content, the metadata, or both; what is left out stays. 202 as for a new memory."""
        await write.admission.charge(price.of_edit(data))
        edit_id = write.ids.update(memory_id, data.content, data.metadata)
        changed = await write.provider.change(data.edit(write.owner, memory_id, edit_id))
        return Response(changed.memory, status_code=write_status(changed))

    @delete("/memories/{memory_id:str}", status_code=200, responses=_OF_DELETE)
    async def delete_memory(self, memory_id: MemoryId, write: NamedDependency[WriteCall]) -> Response[DeleteResponse]:
        """Delete one memory for good. 202: no reader sees it any more, though it is not deleted everywhere yet."""
        deletion = Deletion(owner=write.owner, memory_id=memory_id, edit_id=write.ids.delete(memory_id))
        erased = await write.provider.erase(deletion)
        memory_id = limits.check_memory_id(memory_id)
        if not erased.count:
            raise MemoryNotFound(memory_id)
        return Response(DeleteResponse(memory_id), status_code=write_status(erased))


def _page(call: ReadCall, limit: int, offset: int, cursor: str | None) -> PageQuery:
    page = PageQuery(owner=call.owner, limit=limit, offset=offset, most_bytes=call.most_bytes)
    if cursor is None:
        return page
    if offset:
        raise InvalidInput("offset", "must not be given together with a cursor")
    return after_cursor(page, cursor)
