"""Restoring: the change that makes a memory what it was in an old version."""

import re

from app.http.admission import price
from app.http.calls import WriteCall
from app.http.history_schemas import VERSION_PATTERN
from app.http.problems import VERSION_NOT_FOUND, RequestError
from app.http.schemas import UpdateRequest
from providers.errors import InvalidInput
from providers.history import HistoryQuery
from providers.labels import LABELS
from providers.limits import MAX_VERSION
from providers.types import Edit

_VERSION = re.compile(VERSION_PATTERN)


def version_of(field: str, text: str) -> int:
    """Return the version that a caller names; raise `InvalidInput` if none can have that name."""
    version = int(text) if _VERSION.fullmatch(text) and text.isascii() else 0
    if not 1 <= version <= MAX_VERSION:
        raise InvalidInput(field, "must be a version of the history")
    return version


async def restored_by(write: WriteCall, memory_id: str, version: int) -> Edit:
    """Return the change that brings back content, metadata and labels of a version.

    Raises:
        MemoryNotFound: there is no such memory.
        RequestError: the version is not kept (any more).
        Unsupported: no store keeps history.
    """
    query = HistoryQuery(owner=write.owner, memory_id=memory_id, before=min(version + 1, MAX_VERSION), limit=1)
    page = await write.provider.history(query)
    if not page.versions or page.versions[0].version != version:
        raise RequestError(VERSION_NOT_FOUND, f"The memory has no version {version} in its history.", "version")
    [state] = page.versions
    await write.admission.charge(price.of_edit(UpdateRequest(state.content or "")))
    labels = {name: getattr(state, name) for name in LABELS}
    edit = Edit(
        owner=write.owner,
        memory_id=state.id,
        content=state.content or "",
        metadata=state.metadata,
        **labels,
    )
    return write.ids.update(edit)
