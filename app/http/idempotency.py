"""`Idempotency-Key`: the ids of a request's writes, the same again when the request is repeated."""

from collections.abc import Sequence

from msgspec import UNSET, Struct
from msgspec.structs import replace

from app.auth.caller import Caller
from observability.notes import current
from providers.errors import InvalidInput
from providers.limits import check_content, check_metadata
from providers.states.clock import keyed_memory_id
from providers.states.digests import change_digest_of
from providers.states.editing import EDIT_KEY_CHARS
from providers.types import Edit

HEADER = "Idempotency-Key"
MAX_KEY_CHARS = 255


class WriteIds(Struct, frozen=True):
    """Mint the ids of one request's writes, above the providers, so that a retry is harmless."""

    caller: Caller
    key: str | None

    def memory(self, *place: int) -> str | None:
        """Return the id of a new memory, None if the request cannot be repeated; `place` is its index in a batch."""
        if self.key is None:
            return None
        return keyed_memory_id(*self._scope(self.key), *map(str, place))

    def keyed(self, key: str) -> str | None:
        """Return the id of a memory that is new under a key of its own, None if the request cannot be repeated."""
        return None if self.key is None else keyed_memory_id(*self._scope(self.key), "key", key)

    def update(self, edit: Edit, ttl_seconds: int | None = None) -> Edit:
        """Return a change to a memory with its id, without one if the request cannot be repeated safely.

        With the same key and another change only the end of the id differs, by which providers notice it
        (`providers/editing`). A lifetime of so many seconds ends at another moment when the request is repeated.

        Raises:
            InvalidInput: the change is invalid; what is too large or too deep must not be walked through here.
        """
        edit_id = self._edit("update", edit.memory_id)
        if edit_id is None:
            return edit
        if edit.content is not UNSET:
            check_content(edit.content)
        if edit.metadata is not UNSET:
            check_metadata(edit.metadata)
        return replace(edit, edit_id=edit_id[:EDIT_KEY_CHARS] + change_digest_of(edit, ttl_seconds).hex())

    def delete(self, memory_id: str) -> str | None:
        """Return the id of a deletion, None if the request cannot be repeated safely; note which memory it is about."""
        note_deleted(memory_id)
        return self._edit("delete", memory_id)

    def delete_by_key(self, key: str) -> str | None:
        """Return the id of a deletion by a memory's key, None if the request cannot be repeated safely."""
        return None if self.key is None else keyed_memory_id(*self._scope(self.key), "delete by key", key)

    def _edit(self, kind: str, memory_id: str) -> str | None:
        return None if self.key is None else keyed_memory_id(*self._scope(self.key), kind, memory_id.lower())

    def _scope(self, key: str) -> tuple[str, str, str]:
        return self.caller.id, self.caller.owner.key, key


def note_deleted(memory_id: str) -> None:
    """Note which memory a request deletes: the answer of a provider does not have its id."""
    if (notes := current.get()) is not None:
        notes.concerns(memory_id)


def check_keys(keys: Sequence[str]) -> None:
    """Refuse several keys, and one that is empty, too long, or not printable ASCII."""
    if not keys:
        return
    if len(keys) > 1:
        raise InvalidInput(HEADER, "must be given once")
    [key] = keys
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise InvalidInput(HEADER, f"must be between 1 and {MAX_KEY_CHARS} characters")
    if not (key.isascii() and key.isprintable()):
        raise InvalidInput(HEADER, "must be printable ASCII")
