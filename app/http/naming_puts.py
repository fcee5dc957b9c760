"""The ids of the changes that puts make, the same again when a request is repeated."""

from collections.abc import Callable

from msgspec.structs import replace

from app.http.batch_schemas import BatchedMemory
from app.http.idempotency import WriteIds
from app.http.key_schemas import KeptRequest
from providers.types import Edit


def named_by(asked: KeptRequest | BatchedMemory, ids: WriteIds) -> Callable[[Edit], Edit]:
    """Return what names a change by what was asked for: a lifetime from now on ends later when it is repeated."""

    def named(edit: Edit) -> Edit:
        found = ids.update(replace(edit, expires_at=asked.expires_at), asked.ttl_seconds)
        return replace(found, expires_at=edit.expires_at)

    return named
