"""Puts of one batch, beside memories without keys: looks a few at a time, then one write of all that is new."""

from collections.abc import Callable, Coroutine, Iterable, Mapping, Sequence
from typing import Any, TypeVar

from providers.answers import Stored
from providers.base import MemoryProvider
from providers.batches import all_or_some, answer_all
from providers.errors import InvalidInput, MemoryDeleted, MemoryNotFound, ProviderError, Unavailable
from providers.keys.looking import delete_superseded
from providers.keys.writing import Kept, PlannedChange, Put, kept_of, planned, put, tidy
from providers.limits import check_key, check_new_memory
from providers.owners import Owner
from providers.states.clock import Milliseconds, wall_clock_ms
from providers.types import NewMemory

AT_ONCE = 8  # looks of one batch, so that it leaves connections to others

_Wanted = TypeVar("_Wanted")
_Outcome = TypeVar("_Outcome")


def check_each_once(keys: Iterable[str | None], field: str) -> None:
    """Refuse a key that several items of a batch have: which of them it is to name depends on what is written first."""
    places: dict[str, int] = {}
    for place, key in enumerate(keys):
        if key is not None and (first := places.setdefault(key, place)) != place:
            raise InvalidInput(f"{field}[{place}].key", f"is that of {field}[{first}], too: name each key once")


async def put_many(
    provider: MemoryProvider, items: Sequence[NewMemory | Put], now_ms: Milliseconds = wall_clock_ms
) -> list[Stored | Kept | ProviderError]:
    """Store memories and put others under their keys, all of different keys; return what became of each, in order.

    All that is new is stored in one call, in the order of the items. What is `created` under a key is to be tidied.

    Raises:
        InvalidInput: two have the same key.
        Unavailable: it is not known of any of them that it was done.
    """

    async def plan(item: NewMemory | Put) -> NewMemory | PlannedChange:
        if isinstance(item, NewMemory):
            return item
        check_key(item.key)
        check_new_memory(item.memory)
        return await planned(provider, item, now_ms)

    check_each_once((item.key for item in items), "items")
    plans = dict(enumerate(await answer_all(items, plan, AT_ONCE)))
    stored = await _written(provider.store_many, {at: one for at, one in plans.items() if isinstance(one, NewMemory)})
    edits = {at: one.edit for at, one in plans.items() if isinstance(one, PlannedChange)}
    changed = await _written(provider.change_many, edits)
    outcomes: dict[int, Any] = plans | stored | changed

    async def finished(at: int) -> Any:  # noqa: ANN401 - `Stored | Kept`, which the type checker does not infer
        item, plan, outcome = items[at], plans[at], outcomes[at]
        if isinstance(item, Put) and _was_deleted(item, outcome):
            return await put(provider, item, now_ms)
        if isinstance(outcome, ProviderError):
            raise outcome
        if isinstance(plan, PlannedChange):
            await delete_superseded(provider, plan.found)
        return outcome if isinstance(item, NewMemory) else kept_of(outcome)

    return all_or_some(await answer_all(range(len(items)), finished, AT_ONCE))


async def tidy_many(provider: MemoryProvider, owner: Owner, keys: Sequence[str]) -> None:
    """Delete what is superseded under keys under which something was created; as `tidy`."""
    await answer_all(keys, lambda key: tidy(provider, owner, key), AT_ONCE)


async def _written(
    write: Callable[[Sequence[_Wanted]], Coroutine[Any, Any, list[_Outcome | ProviderError]]],
    wanted: Mapping[int, _Wanted],
) -> dict[int, _Outcome | ProviderError]:
    """Write some of the items; where none of them could be, others may still be."""
    if not wanted:
        return {}
    try:
        return dict(zip(wanted, await write([*wanted.values()]), strict=True))
    except Unavailable as error:
        return dict.fromkeys(wanted, error)


def _was_deleted(item: Put, outcome: object) -> bool:
    """Return whether what was to be replaced, or was new, was deleted meanwhile by somebody else, as in `put`."""
    if isinstance(outcome, MemoryDeleted):
        return item.memory.memory_id is None
    return isinstance(outcome, MemoryNotFound)
