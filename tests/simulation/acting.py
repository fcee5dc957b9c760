"""What each act does: to which memories, and through which method of a provider."""

from collections.abc import Awaitable, Callable, Sequence
from datetime import UTC, datetime
from functools import cache

from msgspec import Struct
from msgspec.structs import replace

from providers.base import MemoryProvider
from providers.errors import MemoryNotFound, ProviderError
from providers.keys.looking import fetch
from providers.keys.writing import Put, delete, put
from providers.owners import DEFAULT_TENANT, Owner
from providers.states.clock import Milliseconds, keyed_memory_id
from providers.types import Deletion, Edit, MemoryRecord, NewMemory, PageQuery, RecallQuery
from tests.simulation.script import KEYS, MEMORIES, Act, Step
from tests.support.clock import START

Answer = Sequence[MemoryRecord] | str | ProviderError

HOUR = 3_600.0  # seconds
SLIDING_SECONDS = 6 * 3_600
_PAGE = 3
_TENANTS = (DEFAULT_TENANT, "acme")
_PARTS = {Act.BATCH: 3, Act.ASK: 2}
_PLAIN = {
    Act.NOTE: Act.REMEMBER,
    Act.LAPSE: Act.REMEMBER,
    Act.BATCH: Act.REMEMBER,
    Act.PAGES: Act.LIST,
    Act.ASK: Act.RECALL,
}
KEYED = frozenset({Act.PUT, Act.GET_KEY, Act.DELETE_KEY})
_ABOUT_ONE = frozenset({Act.REMEMBER, Act.LAPSE, Act.BATCH, Act.UPDATE, Act.TAG, Act.DELETE, Act.GET})


class Part(Struct, frozen=True, kw_only=True):
    """What one step does to one memory, or asks about one user; a step may have several. `user` is an owner's key."""

    act: Act
    user: str
    query: str
    memory: str | None = None
    content: str | None = None
    tag: str | None = None
    expires: float | None = None
    slides: bool = False

    @property
    def owner(self) -> Owner:
        """The owner of the memory."""
        return Owner.of_key(self.user)


class _Call(Struct, frozen=True):
    provider: MemoryProvider
    part: Part
    edit_id: str
    now_ms: Milliseconds


@cache
def user_of(memory: int) -> str:
    """Return the key of the owner of this memory: one of two users of the same name in two tenants."""
    return Owner("user", _TENANTS[memory % 2]).key


def owner_of(memory: int) -> Owner:
    """Return the owner of this memory."""
    return Owner.of_key(user_of(memory))


@cache
def id_of(memory: int) -> str:
    """Return the id that a memory has by its key."""
    return keyed_memory_id(f"memory {memory}")


@cache
def edit_of(client: int, place: int) -> str:
    """Return the id of the change that a client's step makes."""
    return keyed_memory_id(f"edit {client} {place}")


def expiry_of(memory: int) -> float:
    """Return when a memory expires that does: an hour after the beginning, or long before it."""
    return START + (HOUR if memory // 2 % 2 else -2 * HOUR)


def first_content(memory: int) -> str:
    """Return what is stored first under a key."""
    return f"m{memory} first"


def key_of(memory: int) -> str:
    """Return the key that this memory stands for where keys are used."""
    return f"k{memory // 2 % KEYS}"


def parts_of(step: Step, place: int) -> Sequence[Part]:
    """Take a step apart."""
    others = ((step.memory + more) % MEMORIES for more in range(1, _PARTS.get(step.act, 1)))
    memories = [step.memory, *others]
    mark = f"{step.client}x{place}"
    return [
        Part(
            act=_PLAIN.get(step.act, step.act),
            user=user_of(memory),
            query=key_of(memory) if step.act in KEYED else f"m{memory}",
            memory=id_of(memory) if step.act in _ABOUT_ONE else None,
            content=_content(step, memory, mark),
            tag=f"t{mark}" if step.act is Act.TAG else None,
            expires=expiry_of(memory) if step.act is Act.LAPSE else None,
            slides=step.slides,
        )
        for memory in memories
    ]


async def ask(
    provider: MemoryProvider, act: Act, parts: Sequence[Part], edit_id: str, now_ms: Milliseconds
) -> Sequence[Answer]:
    """Do all parts of an act in one call, by the clock of a replica, and return an answer for each."""
    if act is Act.BATCH:
        return await provider.remember_many(
            [NewMemory(owner=part.owner, content=part.content or "", memory_id=part.memory) for part in parts]
        )
    if act is Act.ASK:
        return await provider.recall_many([RecallQuery(owner=part.owner, query=part.query) for part in parts])
    return [await _METHODS[act](_Call(provider, parts[0], edit_id, now_ms))]


def _content(step: Step, memory: int, mark: str) -> str | None:
    """Return what is written; its first word is different for each memory, and one of them is what recall asks for."""
    match step.act:
        case Act.REMEMBER | Act.BATCH | Act.LAPSE:
            return f"m{memory} clash" if step.clash else first_content(memory)
        case Act.NOTE:
            return f"n{mark} m{memory}"
        case Act.PUT:
            return f"{key_of(memory)} put{mark}"
        case Act.UPDATE:
            return f"m{memory} edit{mark}"
        case _:
            return None


async def _remember(call: _Call) -> Answer:
    part = call.part
    expires = START + SLIDING_SECONDS if part.slides else part.expires
    new = NewMemory(
        owner=part.owner,
        content=part.content or "",
        memory_id=part.memory,
        expires_at=None if expires is None else datetime.fromtimestamp(expires, UTC),
        sliding_seconds=SLIDING_SECONDS if part.slides else None,
    )
    return (await call.provider.store(new)).id


async def _update(call: _Call) -> Answer:
    part = call.part
    edit = Edit(owner=part.owner, memory_id=part.memory or "", content=part.content or "", edit_id=call.edit_id)
    return [(await call.provider.change(edit)).memory]


async def _tag(call: _Call) -> Answer:
    part = call.part
    edit = Edit(owner=part.owner, memory_id=part.memory or "", metadata={"tag": part.tag}, edit_id=call.edit_id)
    return [(await call.provider.change(edit)).memory]


async def _delete(call: _Call) -> Answer:
    deletion = Deletion(owner=call.part.owner, memory_id=call.part.memory or "", edit_id=call.edit_id)
    return [] if (await call.provider.erase(deletion)).count else MemoryNotFound(deletion.memory_id)


async def _clear(call: _Call) -> Answer:
    await call.provider.erase_all(call.part.owner)
    return []


async def _put(call: _Call) -> Answer:
    part = call.part
    new = NewMemory(owner=part.owner, content=part.content or "", key=part.query)
    await put(call.provider, Put(memory=new), call.now_ms)
    return []


async def _get_key(call: _Call) -> Answer:
    return [(await fetch(call.provider, call.part.owner, call.part.query, call.now_ms)).memory]


async def _delete_key(call: _Call) -> Answer:
    await delete(call.provider, call.part.owner, call.part.query, edit_id=call.edit_id, now_ms=call.now_ms)
    return []


async def _get(call: _Call) -> Answer:
    return [(await call.provider.fetch(call.part.owner, call.part.memory or "")).memory]


async def _list(call: _Call) -> Answer:
    return (await call.provider.page(PageQuery(owner=call.part.owner))).memories


async def _pages(call: _Call) -> Answer:
    found: list[MemoryRecord] = []
    query = PageQuery(owner=call.part.owner, limit=_PAGE)
    while True:
        page = await call.provider.page(query)
        found += page.memories
        if len(page.memories) < _PAGE and not page.cut:
            return found
        query = replace(query, after=page.memories[-1].position, provider=query.provider or page.provider)


async def _recall(call: _Call) -> Answer:
    return (await call.provider.find(RecallQuery(owner=call.part.owner, query=call.part.query))).memories


_METHODS: dict[Act, Callable[[_Call], Awaitable[Answer]]] = {
    Act.REMEMBER: _remember,
    Act.NOTE: _remember,
    Act.LAPSE: _remember,
    Act.UPDATE: _update,
    Act.TAG: _tag,
    Act.DELETE: _delete,
    Act.CLEAR: _clear,
    Act.GET: _get,
    Act.LIST: _list,
    Act.PAGES: _pages,
    Act.RECALL: _recall,
    Act.PUT: _put,
    Act.GET_KEY: _get_key,
    Act.DELETE_KEY: _delete_key,
}
