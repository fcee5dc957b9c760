"""The tools that a language model gets: one for each operation on a user's memories."""

from collections.abc import Awaitable, Callable
from functools import cached_property
from typing import Any

import msgspec
from msgspec import UNSET, Struct

from app.auth.caller import Caller
from app.compat.calls import ProtocolCall, Verb
from app.compat.mcp.arguments import ListArguments, MemoryArguments, UpdateArguments
from app.compat.mcp.schema import schema_of
from app.http.admission import price
from app.http.answers import all_shown, shown
from app.http.json.body import invalid_input
from app.http.likeness import stored_unless_similar
from app.http.recalled import bytes_for_memories, within_budget
from app.http.remember_schemas import RememberResponse, RememberUniqueRequest
from app.http.schemas import DeleteResponse, ListResponse, RecallRequest, RecallResponse
from app.http.shared_recall import found_of
from providers.errors import InvalidInput, MemoryNotFound
from providers.limits import check_memory_id
from providers.types import Deletion, MemoryRecord

# Where the call stands in the scope of its HTTP request.
CALL = "ninai.mcp_call"

_WHOLE = "arguments"


class UserCall(Struct, frozen=True):
    """A request on behalf of one user."""

    request: ProtocolCall
    caller: Caller

    @property
    def owners(self) -> list[str]:
        """Whose memories a search may be for, the user's own first; none if nobody shares any with the user."""
        reads = self.request.identity.users.reads - {self.caller.user_id}
        return [self.caller.user_id, *sorted(reads)] if reads else []


class ToolKind(Struct, frozen=True, kw_only=True, dict=True):
    """Define a tool: what a model reads of it, what its key must allow, and how it is run."""

    name: str
    title: str
    description: str
    verb: Verb
    shows: bool = False  # a memory in its answer, for which the key must also allow reading
    arguments: type[Struct]
    result: type[Struct]
    run: Callable[[UserCall, Any], Awaitable[Struct]]

    @property
    def verbs(self) -> tuple[Verb, ...]:
        """What the key must allow, all of it."""
        return (self.verb, "read") if self.shows else (self.verb,)

    @cached_property
    def input_schema(self) -> dict[str, Any]:
        """The JSON schema of the arguments."""
        return schema_of(self.arguments)

    @cached_property
    def output_schema(self) -> dict[str, Any]:
        """The JSON schema of the result."""
        return schema_of(self.result)


async def add_memory(call: UserCall, new: RememberUniqueRequest) -> RememberResponse:
    """Store one memory, or return that there is one like it."""
    request = call.request
    if new.unless_similar is not UNSET:
        request.require("read")
    await request.admission.charge(price.of_memory(new, unless_similar=new.unless_similar is not UNSET))
    lifetime, ids = request.lifetime(call.caller), request.ids(call.caller)
    memory = new.memory(call.caller.owner, ids.memory(), lifetime)
    answer, _ = await stored_unless_similar(request.provider, memory, new.unless_similar)
    return answer


async def search_memories(call: UserCall, question: RecallRequest) -> RecallResponse:
    """Find the memories nearest to a query, of the user or of several owners."""
    request, shared = call.request, question.owners is not UNSET
    owners = [call.caller.owner] if question.owners is UNSET else request.readable(call.caller, question.owners)
    await request.admission.charge(price.of_question(question, request.recall_limit) * len(owners))
    most_bytes = bytes_for_memories([question], request.most_bytes)
    query = question.recall_query(owners[0], request.recall_limit, most_bytes, request.now)
    found = await (found_of(request.provider, query, owners) if shared else request.provider.find(query))
    memories, text = await within_budget(question, await all_shown(found.memories), names_owners=shared)
    return RecallResponse(memories, len(memories), text, found.considered)


async def list_memories(call: UserCall, wanted: ListArguments) -> ListResponse:
    """Return one page of the memories that meet the conditions."""
    request = call.request
    await request.admission.charge(price.of_list(wanted.request))
    query = wanted.request.page(call.caller.owner, request.most_bytes, request.cursors)
    page = await request.provider.page(query)
    memories = await all_shown(page.memories)
    return ListResponse(memories, len(memories), request.cursors.next(page, query))


async def get_memory(call: UserCall, wanted: MemoryArguments) -> MemoryRecord:
    """Return one memory."""
    return shown((await call.request.provider.fetch(call.caller.owner, wanted.memory_id)).memory)


async def update_memory(call: UserCall, changes: UpdateArguments) -> MemoryRecord:
    """Change one memory."""
    request = call.request
    await request.admission.charge(price.of_edit(changes))
    lifetime, ids = request.lifetime(call.caller), request.ids(call.caller)
    edit = changes.edit(call.caller.owner, changes.memory_id, ids, lifetime)
    return shown((await request.provider.change(edit)).memory)


async def delete_memory(call: UserCall, wanted: MemoryArguments) -> DeleteResponse:
    """Delete one memory."""
    memory_id = check_memory_id(wanted.memory_id)
    edit_id = call.request.ids(call.caller).delete(memory_id)
    deletion = Deletion(owner=call.caller.owner, memory_id=memory_id, edit_id=edit_id)
    if not (await call.request.provider.erase(deletion)).count:
        raise MemoryNotFound(memory_id)
    return DeleteResponse(memory_id)


TOOLS = {
    tool.name: tool
    for tool in (
        ToolKind(
            name="add_memory",
            title="Remember",
            description="Store one fact about the user that will matter in later conversations. Write one"
            " self-contained sentence in the third person. Search first, and update a memory that is about the same."
            " Give a fact that soon no longer holds an end (expires_at or ttl_seconds).",
            verb="write",
            arguments=RememberUniqueRequest,
            result=RememberResponse,
            run=add_memory,
        ),
        ToolKind(
            name="search_memories",
            title="Recall",
            description="Find what is known about the user, by meaning and by words, best first. Ask a question or name"
            " a subject. Conditions are optional: on metadata (where), moments, session, agent, app and speaker.",
            verb="read",
            arguments=RecallRequest,
            result=RecallResponse,
            run=search_memories,
        ),
        ToolKind(
            name="list_memories",
            title="List memories",
            description="List the memories of the user that meet conditions, or all, page by page, newest first by"
            " default. Use search_memories for a subject.",
            verb="read",
            arguments=ListArguments,
            result=ListResponse,
            run=list_memories,
        ),
        ToolKind(
            name="get_memory",
            title="Get a memory",
            description="Return one memory by its id.",
            verb="read",
            arguments=MemoryArguments,
            result=MemoryRecord,
            run=get_memory,
        ),
        ToolKind(
            name="update_memory",
            title="Change a memory",
            description="Replace the content of a memory, its metadata, labels or expiry, when what it says is no"
            " longer true. What is left out stays.",
            verb="write",
            shows=True,
            arguments=UpdateArguments,
            result=MemoryRecord,
            run=update_memory,
        ),
        ToolKind(
            name="delete_memory",
            title="Forget",
            description="Delete one memory for good, when the user asks for it or it was never true.",
            verb="delete",
            arguments=MemoryArguments,
            result=DeleteResponse,
            run=delete_memory,
        ),
    )
}


def arguments_of(tool: ToolKind, arguments: object) -> Struct:
    """Convert the arguments of a call; raise `InvalidInput` if they break a rule."""
    try:
        return msgspec.convert(arguments, tool.arguments)
    except msgspec.ValidationError as error:
        raise invalid_input(str(error), _WHOLE, tool.arguments) from None
    except RecursionError:
        raise InvalidInput(_WHOLE, "must not nest so deeply") from None
