"""`Idempotency-Key`: the ids of what a request writes, the same again when the request is repeated."""

from typing import Annotated

from litestar.di import NamedDependency
from litestar.params import HeaderParameter

from app.auth.caller import Caller
from providers.clock import keyed_memory_id, new_memory_id
from providers.errors import InvalidInput

HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 255


class WriteIds:
    """Mint the ids of one request's writes, above the providers, so that a retry is harmless."""

    def __init__(self, caller: Caller, key: str | None) -> None:
        self._caller = caller
        self._key = key

    def memory(self, *place: int) -> str:
        """Give the id of a new memory; `place` is its index in a batch."""
        if self._key is None:
            return new_memory_id()
        return keyed_memory_id(*self._scope(self._key), *map(str, place))

    def edit(self, kind: str, memory_id: str) -> str | None:
        """Give the id of a change to a memory, None if the request cannot be repeated safely."""
        return None if self._key is None else keyed_memory_id(*self._scope(self._key), kind, memory_id.lower())

    def _scope(self, key: str) -> tuple[str, str, str]:
        return self._caller.id, self._caller.user_id, key


async def provide_write_ids(
    caller: NamedDependency[Caller],
    idempotency_key: Annotated[
        str | None,
        HeaderParameter(
            name=HEADER, description=f"Makes the request safe to repeat: up to {MAX_KEY_CHARS} printable characters."
        ),
    ] = None,
) -> WriteIds:
    """Read the header.

    Raises:
        InvalidInput: it is empty, too long, or not printable ASCII.
    """
    if idempotency_key is not None:
        if not 1 <= len(idempotency_key) <= MAX_KEY_CHARS:
            raise InvalidInput(HEADER, f"must be between 1 and {MAX_KEY_CHARS} characters")
        if not (idempotency_key.isascii() and idempotency_key.isprintable()):
            raise InvalidInput(HEADER, "must be printable ASCII")
    return WriteIds(caller, idempotency_key)
