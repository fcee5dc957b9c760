"""The history of a memory of the calling user: the versions that are kept, and how to bring one back."""

from typing import Annotated

from litestar import Response, get, post
from litestar.di import NamedDependency, Provide
from litestar.params import PathParameter, QueryParameter
from msgspec.structs import replace

from app.auth.routes import SCOPE
from app.controllers.memories import ABSENT, CONDITIONAL, MemoryId
from app.controllers.resources import READ_PROBLEMS, WRITE_PROBLEMS, UserResource
from app.http import problems
from app.http.admission import price
from app.http.answers import in_parts, shown
from app.http.calls import ConditionalCall, ReadCall, provide_conditional_call
from app.http.headers import write_status
from app.http.history_schemas import VERSION_PATTERN, HistoryResponse, history_response
from app.http.parameters import PARAMETERS
from app.http.preconditions import etag_of, version_in
from app.http.restoring import restored_by, version_of
from providers.history import DEFAULT_HISTORY_LIMIT, MAX_HISTORY_LIMIT, HistoryQuery
from providers.types import MemoryRecord

_BEFORE = QueryParameter(
    pattern=VERSION_PATTERN, description="The `next` of the page before: versions older than that one."
)
_LIMIT = QueryParameter(ge=1, le=MAX_HISTORY_LIMIT, description="Versions in one answer.")
_Version = Annotated[
    str, PathParameter(description="A version in the history.", schema_extra={"pattern": VERSION_PATTERN})
]


class HistoryController(UserResource):
    """The versions of one user's memories."""

    tags = ("memory",)
    dependencies = {  # noqa: RUF012 - read by the framework, never changed
        **UserResource.dependencies,
        "conditional": Provide(provide_conditional_call),
    }

    @get(
        "/memories/{memory_id:str}/history",
        opt={SCOPE: "memory:read", PARAMETERS: ("before", "limit")},
        responses=problems.described(*READ_PROBLEMS, *ABSENT, problems.SESSION_LOST, problems.UNSUPPORTED),
    )
    async def list_versions(
        self,
        memory_id: MemoryId,
        call: NamedDependency[ReadCall],
        *,
        before: Annotated[str | None, _BEFORE] = None,
        limit: Annotated[int, _LIMIT] = DEFAULT_HISTORY_LIMIT,
    ) -> Response[HistoryResponse]:
        """List the versions of a memory that are kept, newest first, from the current one on.

        How many are kept, and for how long, is configured; a deleted memory has none. 501 where no store keeps any.
        """
        await call.admission.charge(price.of_page(limit, 0))
        query = HistoryQuery(
            owner=call.owner,
            memory_id=memory_id,
            before=None if before is None else version_of("before", before),
            limit=limit,
            most_bytes=call.most_bytes,
        )
        page = await call.provider.history(query)
        return await in_parts(history_response(page))

    @post(
        "/memories/{memory_id:str}/history/{version:str}/restore",
        status_code=200,
        opt={SCOPE: "memory:write"},
        responses=problems.described(
            *WRITE_PROBLEMS, *ABSENT, problems.VERSION_NOT_FOUND, *CONDITIONAL, problems.CONFLICT, accepted=MemoryRecord
        ),
    )
    async def restore_version(
        self, memory_id: MemoryId, version: _Version, conditional: NamedDependency[ConditionalCall]
    ) -> Response[MemoryRecord]:
        """Bring back the content, metadata and labels of an old version, as a change like any other.

        The key and the expiry stay as they are, and what is replaced is in the history from then on. 202 as for a new
        memory. With `If-Match` the memory must have that version.
        """
        write = conditional
        write.user.require("memory:read")  # the answer shows the whole memory
        edit = await restored_by(write, memory_id, version_of("version", version))
        changed = await write.provider.change(replace(edit, seen=version_in(write.expected)))
        memory = changed.memory
        return Response(shown(memory), status_code=write_status(changed), headers=etag_of(memory.version))
