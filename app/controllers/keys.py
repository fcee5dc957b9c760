"""Memories under keys of the caller's choice: put, get, delete, rename and list."""

from litestar import HttpMethod, Response, delete, get, post, put, route
from litestar.background_tasks import BackgroundTask
from litestar.di import NamedDependency, Provide
from litestar.params import JSONBody

from app.auth.routes import SCOPE
from app.controllers.memories import ABSENT, CONDITIONAL, UNCHANGED
from app.controllers.resources import FILL_PROBLEMS, READ_PROBLEMS, WRITE_PROBLEMS, UserResource, taking
from app.http import key_schemas, problems
from app.http.admission import price
from app.http.answers import in_parts
from app.http.calls import (
    ConditionalCall,
    ReadCall,
    RevalidatingCall,
    WriteCall,
    provide_conditional_call,
    provide_revalidating_call,
)
from app.http.headers import stored_or_accepted, write_status
from app.http.idempotency import note_deleted
from app.http.json.body import JsonDTO
from app.http.key_paths import KeyInPath, provide_key
from app.http.key_schemas import KeptRequest, PutKeyResponse
from app.http.naming_puts import named_by
from app.http.preconditions import etag_of
from app.http.revalidation import memory_unless_known
from app.http.schemas import DeleteResponse
from providers.keys import listing, looking, renaming, writing
from providers.limits import check_key
from providers.types import MemoryRecord

_PUT_PROBLEMS = (*FILL_PROBLEMS, problems.CONFLICT, problems.MEMORY_DELETED, *CONDITIONAL)
_GET_PROBLEMS = (*READ_PROBLEMS, *ABSENT, problems.SESSION_LOST)
_DELETE_PROBLEMS = (*WRITE_PROBLEMS, *ABSENT, *CONDITIONAL)
_RENAME_PROBLEMS = (*WRITE_PROBLEMS, *ABSENT, problems.KEY_TAKEN, problems.CONFLICT)
_PATH = "/keys/{key:path}"
_OPERATIONS = ["/keys/put", "/keys/get", "/keys/delete", "/keys/rename", "/keys/list"]


class KeysController(UserResource):
    """One user's memories, by key: in the path, or in the body, where every key can stand."""

    tags = ("keys",)
    dependencies = {  # noqa: RUF012 - read by the framework, never changed
        **UserResource.dependencies,
        "conditional": Provide(provide_conditional_call),
        "revalidating": Provide(provide_revalidating_call),
        "path_key": Provide(provide_key),
    }

    # As for one memory: the framework's own would name the last of the methods alone.
    @route(
        [_PATH, *_OPERATIONS],
        http_method=HttpMethod.OPTIONS,
        status_code=204,
        opt={SCOPE: "memory:read"},
        include_in_schema=False,
    )
    async def allowed_methods_by_key(self, path_key: NamedDependency[KeyInPath]) -> Response[None]:
        """Return the methods for one key; some paths are those of operations as well."""
        operation = f"/keys/{path_key.key}" in _OPERATIONS
        return Response(None, headers={"Allow": f"DELETE, GET, OPTIONS{', POST' if operation else ''}, PUT"})

    @put(
        _PATH,
        status_code=200,
        opt={SCOPE: "memory:write"},
        **taking(JsonDTO[KeptRequest], *_PUT_PROBLEMS, accepted=PutKeyResponse),
    )
    async def put_by_key(
        self,
        path_key: NamedDependency[KeyInPath],
        data: JSONBody[KeptRequest],
        conditional: NamedDependency[ConditionalCall],
    ) -> Response[PutKeyResponse]:
        """Create the memory under a key, or replace all parts of the one that is there.

        202 as for a new memory. With `If-Match` it must be there, and have that version.
        """
        return await _put(path_key.key, data, conditional)

    @get(_PATH, opt={SCOPE: "memory:read"}, responses={**problems.described(*_GET_PROBLEMS), **UNCHANGED})
    async def get_by_key(
        self, path_key: NamedDependency[KeyInPath], revalidating: NamedDependency[RevalidatingCall]
    ) -> Response[MemoryRecord]:
        """Return the memory under a key; with `If-None-Match` only if its version is none of those."""
        return await _get(path_key.key, revalidating, revalidating.known)

    @delete(
        _PATH,
        status_code=200,
        opt={SCOPE: "memory:delete"},
        responses=problems.described(*_DELETE_PROBLEMS, accepted=DeleteResponse),
    )
    async def delete_by_key(
        self, path_key: NamedDependency[KeyInPath], conditional: NamedDependency[ConditionalCall]
    ) -> Response[DeleteResponse]:
        """Delete the memory under a key for good; the key can be put again, and names another memory then."""
        return await _delete(path_key.key, conditional)

    @post(
        "/keys/put",
        status_code=200,
        opt={SCOPE: "memory:write"},
        **taking(JsonDTO[key_schemas.PutKeyRequest], *_PUT_PROBLEMS, accepted=PutKeyResponse),
    )
    async def put_key(
        self, data: JSONBody[key_schemas.PutKeyRequest], conditional: NamedDependency[ConditionalCall]
    ) -> Response[PutKeyResponse]:
        """Create or replace the memory under a key that stands in the body, as `PUT` does."""
        return await _put(data.key, data, conditional)

    @post(
        "/keys/get",
        status_code=200,
        opt={SCOPE: "memory:read"},
        **taking(JsonDTO[key_schemas.KeyRequest], *_GET_PROBLEMS),
    )
    async def get_key(
        self, data: JSONBody[key_schemas.KeyRequest], call: NamedDependency[ReadCall]
    ) -> Response[MemoryRecord]:
        """Return the memory under a key that stands in the body, as `GET` does."""
        return await _get(data.key, call, [])

    @post(
        "/keys/delete",
        status_code=200,
        opt={SCOPE: "memory:delete"},
        **taking(JsonDTO[key_schemas.KeyRequest], *_DELETE_PROBLEMS, accepted=DeleteResponse),
    )
    async def delete_key(
        self, data: JSONBody[key_schemas.KeyRequest], conditional: NamedDependency[ConditionalCall]
    ) -> Response[DeleteResponse]:
        """Delete the memory under a key that stands in the body, as `DELETE` does."""
        return await _delete(data.key, conditional)

    @post(
        "/keys/rename",
        status_code=200,
        opt={SCOPE: "memory:write"},
        **taking(
            JsonDTO[key_schemas.RenameRequest],
            *_RENAME_PROBLEMS,
            problems.TOO_DEAR,
            accepted=key_schemas.RenameResponse,
        ),
    )
    async def rename_keys(
        self, data: JSONBody[key_schemas.RenameRequest], write: NamedDependency[WriteCall]
    ) -> Response[key_schemas.RenameResponse]:
        """Give the memory under a key another key, or all whose keys begin with it, up to 1,000, in one transaction.

        Ids, contents and times stay. A new key that another memory has is refused, and then nothing is renamed.
        """
        write.user.require("memory:read")  # the count tells what there is
        await write.admission.charge(price.ERASE_ALL if data.prefix else price.ORDINARY)
        rename = renaming.rename_all if data.prefix else renaming.rename
        renamed = await rename(write.provider, write.owner, data.from_key, data.to_key, write.ids.update)
        status = write_status(*renamed)
        answer = key_schemas.RenameResponse(
            len(renamed), "renamed" if all(one.confirmed for one in renamed) else "accepted"
        )
        return Response(answer, status_code=status)

    @post(
        "/keys/list",
        status_code=200,
        opt={SCOPE: "memory:read"},
        **taking(JsonDTO[key_schemas.ListKeysRequest], *READ_PROBLEMS, problems.SESSION_LOST),
    )
    async def list_keys(
        self, data: JSONBody[key_schemas.ListKeysRequest], call: NamedDependency[ReadCall]
    ) -> Response[key_schemas.ListKeysResponse]:
        """List the keys that begin with a prefix, up to 10,000, as in folders where there is a depth."""
        await call.admission.charge(price.of_page(listing.MAX_LISTED // 10, 0))
        found = await listing.list_keys(call.provider, call.owner, data.prefix, data.depth)
        keys = [key_schemas.ListedKey(one.key or "", one.id, found.sizes[one.id]) for one in found.memories]
        folders = [key_schemas.KeyFolder(prefix, one.count, one.size) for prefix, one in found.folders.items()]
        return await in_parts(key_schemas.ListKeysResponse(keys, folders, len(keys)))

    # What follows serves the keys whose paths are those of operations, each of which is a route of its own.

    @put(
        _OPERATIONS,
        status_code=200,
        opt={SCOPE: "memory:write"},
        include_in_schema=False,
        **taking(JsonDTO[KeptRequest]),
    )
    async def put_by_such_a_key(
        self,
        path_key: NamedDependency[KeyInPath],
        data: JSONBody[KeptRequest],
        conditional: NamedDependency[ConditionalCall],
    ) -> Response[PutKeyResponse]:
        """Create or replace the memory under a key."""
        return await _put(path_key.key, data, conditional)

    @get(_OPERATIONS, opt={SCOPE: "memory:read"}, include_in_schema=False)
    async def get_by_such_a_key(
        self, path_key: NamedDependency[KeyInPath], revalidating: NamedDependency[RevalidatingCall]
    ) -> Response[MemoryRecord]:
        """Return the memory under a key; with `If-None-Match` only if its version is none of those."""
        return await _get(path_key.key, revalidating, revalidating.known)

    @delete(_OPERATIONS, status_code=200, opt={SCOPE: "memory:delete"}, include_in_schema=False)
    async def delete_by_such_a_key(
        self, path_key: NamedDependency[KeyInPath], conditional: NamedDependency[ConditionalCall]
    ) -> Response[DeleteResponse]:
        """Delete the memory under a key."""
        return await _delete(path_key.key, conditional)


async def _put(key: str, data: KeptRequest, write: ConditionalCall) -> Response[PutKeyResponse]:
    check_key(key)
    await write.admission.charge(price.of_memory(data))
    wanted = writing.Put(
        memory=data.memory_under(key, write.owner, write.ids.keyed(key), write.lifetime),
        named=named_by(data, write.ids),
        expected=write.expected,
    )
    kept = await writing.put(write.provider, wanted)
    answer = PutKeyResponse(key, kept.id, kept.created, stored_or_accepted(kept.written))
    tidying = BackgroundTask(writing.tidy, write.provider, write.owner, key) if kept.untidy else None
    headers = etag_of(kept.version)
    return Response(answer, status_code=write_status(kept.written), headers=headers, background=tidying)


async def _get(key: str, call: ReadCall, known: list[str]) -> Response[MemoryRecord]:
    return memory_unless_known((await looking.fetch(call.provider, call.owner, key)).memory, known)


async def _delete(key: str, write: ConditionalCall) -> Response[DeleteResponse]:
    edit_id = write.ids.delete_by_key(key)
    memory_id, erased = await writing.delete(write.provider, write.owner, key, write.expected, edit_id)
    note_deleted(memory_id)
    return Response(DeleteResponse(memory_id), status_code=write_status(erased))
