"""Bodies of batches: each item is decoded alone, so that an invalid item fails alone."""

from functools import lru_cache
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from msgspec import Raw, Struct

from app.http.body_limit import MAX_BODY_BYTES
from app.http.json.body import JsonDTO, attempt, decode, decode_of_any_size
from app.http.json.nesting import shallow
from app.http.json.surrogates import WithoutEscapes
from app.http.json.values import most_values_in, values_in
from app.http.problems import TOO_LARGE, Problem, RequestError, problem_of
from providers.errors import InvalidInput
from providers.limits import MAX_BATCH

# For all items together. A value takes up to 100 bytes of memory, 30 times of what it took in the body, and a step of
# each walk through it; one memory may hold thousands, but a thousand of these memories would block all other requests.
MAX_BATCH_VALUES = 100_000

_MOST_BRACKETS = 2 * MAX_BATCH_VALUES  # with more there are too many values as well
ITEM = "item"  # the field that an error names if no field of the item is at fault
T = TypeVar("T", bound=Struct)
_ABSENT = Raw()
# Not a list, which would be built whole, whatever its length, before that is checked. One too many is enough.
_FIELDS = [(f"item_{place}", Raw, _ABSENT) for place in range(MAX_BATCH + 1)]
_Items = msgspec.defstruct("Items", _FIELDS, array_like=True)


class BatchDTO(JsonDTO[T], Generic[T]):
    """Decode a body whose only field is a list into the list's items, with a problem in place of an invalid one.

    `T` is the body's type in the OpenAPI document.
    """

    @classmethod
    def create_openapi_schema(
        cls,
        field_definition: FieldDefinition,  # noqa: ARG003 - the field of the handler
        handler_id: str,
        schema_creator: Any,  # noqa: ANN401 - private to the framework
    ) -> Reference | Schema:
        """Document the struct itself."""
        definition = FieldDefinition.from_annotation(cls.model_type)
        return super().create_openapi_schema(definition, handler_id, schema_creator)

    def decode_bytes(self, value: bytes) -> Any:  # noqa: ANN401 - the framework passes anything to a handler
        """Decode one body; see `decode_batch` for the errors."""
        self.check_media_type()
        return decode_batch(value, self.model_type)


def decode_batch(body: bytes, into: type[Struct]) -> list[Any]:
    """Decode JSON into the items of a struct's only field, each of them or the problem with it.

    Raises:
        RequestError: it is not JSON.
        InvalidInput: it is not a list of the right length, and nothing else, under the right name.
    """
    field, item = _parts_of(into)
    # Counted together with the commas in texts they are hardly ever too many, so the texts need no parsing.
    few = most_values_in(body) <= MAX_BATCH_VALUES
    reader = _ItemReader(item, None if few else MAX_BATCH_VALUES)
    return [reader.read(text) for text in _items_of(body, field)]


class _ItemReader(Generic[T]):
    """Read one item after another, as long as they hold at most `values_left` values; None: without this limit."""

    def __init__(self, item: type[T], values_left: int | None) -> None:
        self._item, self._values_left = item, values_left

    def read(self, text: bytes | Raw) -> T | Problem:
        try:
            self._check_size(text)
            return decode(text, self._item, ITEM)
        except (RequestError, InvalidInput) as error:
            return problem_of(error)

    def _check_size(self, text: bytes | Raw) -> None:
        if memoryview(text).nbytes > MAX_BODY_BYTES:
            raise RequestError(TOO_LARGE, f"The item must be at most {MAX_BODY_BYTES} bytes", field=ITEM)
        if self._values_left is None:
            return
        values = values_in(bytes(text))
        if values > self._values_left:
            reason = f"brings the batch above {MAX_BATCH_VALUES} JSON values in all: send it in another one"
            raise InvalidInput(ITEM, reason)
        self._values_left -= values


def _items_of(body: bytes, field: str) -> list[bytes] | list[Raw]:
    envelope = _envelope(field)
    try:
        return _present(attempt(body, envelope), field)
    except (msgspec.DecodeError, RecursionError):
        # A lone surrogate or too many levels in one item keep msgspec from splitting the whole.
        hidden = WithoutEscapes(shallow(body, _MOST_BRACKETS))
        try:
            items = _present(attempt(hidden.text, envelope), field)
        except (msgspec.DecodeError, RecursionError, RequestError):
            # The fault is in no item, so the error describes the original body.
            return _present(decode_of_any_size(body, envelope), field)
        return [hidden.restored(bytes(item)) for item in items]


def _present(envelope: Struct, field: str) -> list[Raw]:
    items = [item for item in msgspec.structs.astuple(getattr(envelope, field)) if item is not _ABSENT]
    if not 1 <= len(items) <= MAX_BATCH:
        raise InvalidInput(field, f"must hold between 1 and {MAX_BATCH} items")
    return items


@lru_cache
def _parts_of(into: type[Struct]) -> tuple[str, type[Struct]]:
    [(field, items)] = get_type_hints(into).items()
    [item] = get_args(items)
    return field, item


@lru_cache
def _envelope(field: str) -> type[Struct]:
    return msgspec.defstruct("Envelope", [(field, _Items)], forbid_unknown_fields=True)
