"""Memories of the calling user: remember, recall, list, get, update, delete."""

from typing import Annotated, cast

from litestar import HttpMethod, Response, delete, get, patch, post, route
from litestar.di import NamedDependency, Provide
from litestar.openapi.datastructures import ResponseSpec
from litestar.params import JSONBody, PathParameter
from msgspec import UNSET
from msgspec.structs import replace

from app.auth.routes import SCOPE
from app.controllers.batches import remembered
from app.controllers.resources import FILL_PROBLEMS, READ_PROBLEMS, WRITE_PROBLEMS, UserResource, taking
from app.http import problems, schemas
from app.http.admission import price
from app.http.answers import all_shown, of_memories, shown
from app.http.batch_schemas import RememberBatchResponse
from app.http.calls import (
    ConditionalCall,
    ReadCall,
    RevalidatingCall,
    WriteCall,
    provide_conditional_call,
    provide_revalidating_call,
)
from app.http.headers import STATUS_STORED, stored_or_accepted, write_status
from app.http.json.body import JsonDTO
from app.http.json.messages import RememberDTO, messages_of
from app.http.likeness import stored_unless_similar
from app.http.preconditions import etag_of, version_in, why_not_deleted
from app.http.recalled import bytes_for_memories, within_budget
from app.http.remember_schemas import RememberOneRequest, RememberRequest, RememberResponse
from app.http.revalidation import NOT_MODIFIED, memory_unless_known
from app.http.schemas import DeleteResponse, RecallResponse, SingleRecallRequest
from app.http.shared_recall import found_of
from providers import limits
from providers.types import Deletion, MemoryRecord

ABSENT = (problems.MEMORY_NOT_FOUND,)
CONDITIONAL = (problems.VERSION_MISMATCH, problems.UNSUPPORTED)
UNCHANGED = {NOT_MODIFIED: ResponseSpec(None, description="The caller has this version of the memory")}
_OF_DELETE = problems.described(*WRITE_PROBLEMS, *ABSENT, *CONDITIONAL, accepted=DeleteResponse)
_RECALL_PROBLEMS = (*READ_PROBLEMS, problems.SESSION_LOST, problems.TOO_DEAR, problems.ANSWER_TOO_LARGE)
_REMEMBER_PROBLEMS = (*FILL_PROBLEMS, problems.CONFLICT, problems.MEMORY_DELETED)

# Checked by the providers; a pattern here would be a second rule with a message of its own.
MemoryId = Annotated[str, PathParameter(description="A UUID.", schema_extra={"format": "uuid"})]


class MemoriesController(UserResource):
    """One user's memories, one at a time."""

    tags = ("memory",)
    dependencies = {  # noqa: RUF012 - read by the framework, never changed
        **UserResource.dependencies,
        "conditional": Provide(provide_conditional_call),
        "revalidating": Provide(provide_revalidating_call),
    }

    # The framework's own would name the last of the methods alone; handlers are registered by name, and this is first.
    @route(
        "/memories/{memory_id:str}",
        http_method=HttpMethod.OPTIONS,
        status_code=204,
        opt={SCOPE: "memory:read"},
        include_in_schema=False,
    )
    async def allowed_methods(self, memory_id: MemoryId) -> Response[None]:  # noqa: ARG002 - part of the path
        """Return the methods for one memory."""
        return Response(None, headers={"Allow": "DELETE, GET, OPTIONS, PATCH"})

    @post(
        "/remember",
        status_code=200,
        opt={SCOPE: "memory:write"},
        **taking(RememberDTO, *_REMEMBER_PROBLEMS, accepted=RememberResponse | RememberBatchResponse),
    )
    async def remember(
        self, data: JSONBody[RememberOneRequest], write: NamedDependency[WriteCall]
    ) -> Response[RememberResponse | RememberBatchResponse]:
        """Store a new memory, or the messages of a conversation, each as a memory.

        With an `Idempotency-Key` a repeated request stores once and returns the same id. 202 with the status `accepted`
        means that the memory is durable and is found, although the first provider has not confirmed it yet. Messages
        keep their order in lists, and are answered as a batch is. `exists` means that nothing was stored, because there
        is a memory so much like it (`unless_similar`), which asks for the scope to read as well.
        """
        if data.messages is not UNSET:
            messages = data.each(await messages_of(data.messages))
            data.check_shared(write.owner, write.lifetime)
            answer = await remembered(write, messages)
            return cast("Response[RememberResponse | RememberBatchResponse]", answer)
        memory = data.one
        if data.unless_similar is not UNSET:
            return await _remembered_unless_similar(write, memory, data.unless_similar)
        await write.admission.charge(price.of_memory(memory))
        stored = await write.provider.store(memory.memory(write.owner, write.ids.memory(), write.lifetime))
        response = RememberResponse(stored.id, stored_or_accepted(stored))
        return Response(response, status_code=write_status(stored), headers=etag_of(stored.version))

    @post(
        "/recall",
        status_code=200,
        opt={SCOPE: "memory:read"},
        **taking(JsonDTO[SingleRecallRequest], *_RECALL_PROBLEMS),
    )
    async def recall(
        self, data: JSONBody[SingleRecallRequest], call: NamedDependency[ReadCall]
    ) -> Response[RecallResponse]:
        """Find the memories nearest to a query, by meaning and by words, best first.

        With `owners` they are those of several users, teams and agents, and the `user_id` of each tells whose it is.
        """
        owners = [call.owner] if data.owners is UNSET else call.user.readable(data.owners)
        await call.admission.charge(price.of_question(data, call.recall_limit) * len(owners))
        most_bytes = bytes_for_memories([data], call.most_bytes)
        query = data.recall_query(owners[0], call.recall_limit, most_bytes, call.now)
        shared = data.owners is not UNSET
        found = await (found_of(call.provider, query, owners) if shared else call.provider.find(query))
        memories, text = await within_budget(data, await all_shown(found.memories), names_owners=shared)
        return await of_memories(RecallResponse(memories, len(memories), text, found.considered))

    @get(
        "/memories/{memory_id:str}",
        opt={SCOPE: "memory:read"},
        responses={**problems.described(*READ_PROBLEMS, *ABSENT, problems.SESSION_LOST), **UNCHANGED},
    )
    async def get_memory(
        self, memory_id: MemoryId, revalidating: NamedDependency[RevalidatingCall]
    ) -> Response[MemoryRecord]:
        """Return one memory; with `If-None-Match` only if its version is none of those."""
        call = revalidating
        memory = (await call.provider.fetch(call.owner, memory_id)).memory
        return memory_unless_known(memory, call.known)

    @patch(
        "/memories/{memory_id:str}",
        opt={SCOPE: "memory:write"},
        **taking(
            JsonDTO[schemas.UpdateRequest],
            *FILL_PROBLEMS,
            *ABSENT,
            *CONDITIONAL,
            problems.CONFLICT,
            accepted=MemoryRecord,
        ),
    )
    async def update_memory(
        self, memory_id: MemoryId, data: JSONBody[schemas.UpdateRequest], conditional: NamedDependency[ConditionalCall]
    ) -> Response[MemoryRecord]:
        """Replace content, metadata, labels or expiry; what is left out stays, `null` removes. 202 as for a new one.

        With `If-Match` it must have that version.
        """
        write = conditional
        write.user.require("memory:read")  # the answer shows the whole memory
        await write.admission.charge(price.of_edit(data))
        edit = data.edit(write.owner, memory_id, write.ids, write.lifetime)
        changed = await write.provider.change(replace(edit, seen=version_in(write.expected)))
        memory = changed.memory
        return Response(shown(memory), status_code=write_status(changed), headers=etag_of(memory.version))

    @delete("/memories/{memory_id:str}", status_code=200, opt={SCOPE: "memory:delete"}, responses=_OF_DELETE)
    async def delete_memory(
        self, memory_id: MemoryId, conditional: NamedDependency[ConditionalCall]
    ) -> Response[DeleteResponse]:
        """Delete one memory for good. 202: no reader sees it any more, though it is not deleted everywhere yet.

        With `If-Match` it must have that version.
        """
        write = conditional
        seen, edit_id = version_in(write.expected), write.ids.delete(memory_id)
        deletion = Deletion(owner=write.owner, memory_id=memory_id, edit_id=edit_id, seen=seen)
        erased = await write.provider.erase(deletion)
        memory_id = limits.check_memory_id(memory_id)
        if not erased.count:
            raise await why_not_deleted(write.provider, write.owner, memory_id, write.expected)
        return Response(DeleteResponse(memory_id), status_code=write_status(erased))


async def _remembered_unless_similar(
    write: WriteCall, memory: RememberRequest, least: float
) -> Response[RememberResponse | RememberBatchResponse]:
    write.user.require("memory:read")  # the answer shows what there is
    await write.admission.charge(price.of_memory(memory, unless_similar=True))
    new = memory.memory(write.owner, write.ids.memory(), write.lifetime)
    response, stored = await stored_unless_similar(write.provider, new, least)
    return Response(response, status_code=STATUS_STORED if stored is None else write_status(stored))
