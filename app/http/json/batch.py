"""Bodies of batches: each item is decoded alone, so that an invalid item fails alone, with turns of the event loop."""

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Any, Generic, TypeVar, get_args, get_type_hints

import msgspec
from litestar.openapi.spec import Reference, Schema
from litestar.typing import FieldDefinition
from msgspec import UNSET, Raw, Struct, UnsetType
from msgspec.structs import replace

from app.auth.naming import USER_FIELD
from app.http.body_limit import MAX_BODY_BYTES
from app.http.json.blanks import BLANKS, trimmed
from app.http.json.body import JsonDTO, decode, decode_of_any_size, fault_of, not_json, without_mark
from app.http.json.lists import Cut, FoundList, first_list
from app.http.json.nesting import shallow
from app.http.json.structure import WINDOW_BYTES
from app.http.problems import TOO_LARGE, Problem, RequestError, problem_of
from providers.errors import InvalidInput
from providers.limits import MAX_BATCH
from providers.timing.turns import Turns

# For all items together. A value takes up to 100 bytes of memory, 30 times of what it took in the body, and a step of
# each walk through it; one memory may hold thousands, but a thousand of these memories would block all other requests.
MAX_BATCH_VALUES = 100_000
MAX_BESIDE_BYTES = 64 * 1024  # around the list, where nothing but a name belongs

_MOST_COPIED = MAX_BODY_BYTES + 2 * WINDOW_BYTES  # of an item, or beside the list, with what is left of blanks
_MOST_BRACKETS = 32_000  # of one item; with more there are too many values as well
ITEM = "item"  # the field that an error names if no field of the item is at fault
T = TypeVar("T", bound=Struct)
NameUser = Callable[[str | UnsetType], None]
_BODY = "body"
_TRUNCATED = "Input data was truncated"  # as msgspec says it
_STAND_IN = b"[0"  # the list, but for its end
_BYTE = re.compile(r"\(byte ([0-9]{1,9})\)")


class Batch(Generic[T]):
    """A body with a list of `T`, not decoded yet: that takes turns of the event loop."""

    def __init__(self, body: bytes, into: type[Struct], name_user: NameUser) -> None:
        self._body, self._into, self._name_user = body, into, name_user

    async def items(self) -> list[T | Problem]:
        """Decode the items, and the name of the user; see `decode_batch` and `RequestUser` for the errors."""
        return await decode_batch(self._body, self._into, self._name_user)


class BatchDTO(JsonDTO[T], Generic[T]):
    """Hand a handler the `Batch` of a body; `T` is the body's type in the OpenAPI document."""

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
        """Return the batch; the framework decodes at once, and so the handler does it."""
        self.check_media_type()
        return Batch(without_mark(value), self.model_type, self.name_user)


async def decode_batch(body: bytes, into: type[Struct], name_user: NameUser) -> list[Any]:
    """Decode JSON into the items of a struct's list, each of them or the problem with it.

    `name_user` is told whom the body names, before anything is decoded.

    Raises:
        RequestError: it is not JSON.
        InvalidInput: it is not a list of the right length, and nothing else, under the right name.
    """
    field, item = _parts_of(into)
    turns = Turns()
    reader = _ItemReader(body, item)
    results = []
    for cut in await _cuts(body, field, name_user, turns):
        if cut.end - cut.begin > MAX_BODY_BYTES:
            begin, end = await trimmed(body, cut.begin, cut.end, turns)
            cut = replace(cut, begin=begin, end=end)  # noqa: PLW2901 - the same, without its blanks
        results.append(reader.read(cut))
        await turns.take()
    return results


class _ItemReader(Generic[T]):
    """Read one item of a body after another, as long as they hold at most so many values."""

    def __init__(self, body: bytes, item: type[T]) -> None:
        self._body, self._item = body, item
        self._values_left = MAX_BATCH_VALUES

    def read(self, cut: Cut) -> T | Problem:
        """Return the item, or the problem with it.

        Raises:
            RequestError: it is not JSON, and so the whole is not.
        """
        if cut.end - cut.begin > _MOST_COPIED:
            return problem_of(_too_large())
        text = self._body[cut.begin : cut.end].strip(BLANKS)
        try:
            self._check_size(text, cut.values)
            return decode(shallow(text, _MOST_BRACKETS) if cut.deep else text, self._item, ITEM)
        except (RequestError, InvalidInput) as error:
            if len(text) <= MAX_BODY_BYTES and (fault := fault_of(text)) is not None:
                raise not_json(_moved(fault, -1, self._body.find(text, cut.begin)), _BODY) from None
            return problem_of(error)

    def _check_size(self, text: bytes, values: int) -> None:
        if len(text) > MAX_BODY_BYTES:
            raise _too_large()
        if values > self._values_left:
            reason = f"brings the batch above {MAX_BATCH_VALUES} JSON values in all: send it in another one"
            raise InvalidInput(ITEM, reason)
        self._values_left -= values


async def _is_blank(body: bytes, cut: Cut, turns: Turns) -> bool:
    begin, end = await trimmed(body, cut.begin, cut.end, turns)
    return end - begin <= WINDOW_BYTES and not body[begin:end].strip(BLANKS)


def _too_large() -> RequestError:
    return RequestError(TOO_LARGE, f"The item must be at most {MAX_BODY_BYTES} bytes", field=ITEM)


async def _cuts(body: bytes, field: str, name_user: NameUser, turns: Turns) -> list[Cut]:
    """Cut the items out of a body that holds their list and nothing but a user beside it."""
    found = await first_list(body, MAX_BATCH, turns)
    if found is None:
        # Its beginning says what is wrong: that it is no JSON, no object, or that something else has the name.
        decode_of_any_size(body[:MAX_BODY_BYTES], _envelope(field))
        raise not_json(_TRUNCATED, _BODY)
    name_user(await _user_around(body, field, found, turns))
    cuts = found.cuts
    if len(cuts) > MAX_BATCH or (len(cuts) == 1 and await _is_blank(body, cuts[0], turns)):
        raise InvalidInput(field, f"must hold between 1 and {MAX_BATCH} items")
    if found.end is None:
        raise not_json(_TRUNCATED, _BODY)
    return cuts


async def _user_around(body: bytes, field: str, found: FoundList, turns: Turns) -> str | UnsetType:
    """Return the user whom a body names beside its list, and refuse one with anything else.

    The list itself is replaced by a short one for this.
    """
    end = len(body) if found.end is None else found.end
    first, _ = await trimmed(body, 0, found.begin, turns)
    _, last = await trimmed(body, end, len(body), turns)
    too_much = InvalidInput(_BODY, f"must hold at most {MAX_BESIDE_BYTES} bytes beside the list")
    if found.begin - first + last - end > _MOST_COPIED:
        raise too_much
    before = body[first : found.begin].lstrip(BLANKS)
    behind = b"]}" if found.end is None else body[end:last].rstrip(BLANKS)
    if len(before) + len(behind) > MAX_BESIDE_BYTES:
        raise too_much
    stand_in = before + (_STAND_IN if body.startswith(b"[", found.begin) else b"{") + behind
    try:
        envelope = decode_of_any_size(stand_in, _envelope(field))
    except RequestError as error:
        moved = _moved(error.detail, len(before), end - len(before) - len(_STAND_IN))
        raise RequestError(error.kind, moved, error.field) from None
    if getattr(envelope, field) != [Raw(_STAND_IN[1:])]:
        raise InvalidInput(field, "must be given once")
    user_id: str | UnsetType = getattr(envelope, USER_FIELD)
    return user_id


def _moved(fault: str, behind: int, by: int) -> str:
    """Return what msgspec says with the place that it names, if that is behind a place, moved to that in the body."""

    def moved(place: re.Match[str]) -> str:
        byte = int(place[1])
        return f"(byte {byte + by if byte > behind else byte})"

    return _BYTE.sub(moved, fault)


@lru_cache
def _parts_of(into: type[Struct]) -> tuple[str, type[Struct]]:
    [(field, items)] = [(name, kind) for name, kind in get_type_hints(into).items() if name != USER_FIELD]
    [item] = get_args(items)
    return field, item


@lru_cache
def _envelope(field: str) -> type[Struct]:
    user = (USER_FIELD, str | UnsetType, UNSET)
    return msgspec.defstruct("Envelope", [(field, list[Raw]), user], forbid_unknown_fields=True)
