"""Lists of keys: those that begin with a text, the deeper ones gathered as in folders."""

from collections.abc import Iterable

from msgspec import Struct
from msgspec.structs import replace

from providers.answers import PARTIAL, Answer, Found
from providers.base import MemoryProvider
from providers.errors import InvalidInput, Unavailable
from providers.expiry import BEGINNING, has_expired
from providers.keys.choosing import rank_of
from providers.limits import MAX_PAGE_LIMIT, check_key_prefix
from providers.owners import Owner
from providers.states.clock import Milliseconds, moment_of, wall_clock_ms
from providers.types import MemoryRecord, PageQuery

SEPARATOR = "/"
MAX_LISTED = 10_000  # keys of one list; who has more names a longer beginning
MAX_DEPTH = 128  # so many parts of a key there can be, each with one character and a separator


class FolderCount(Struct, frozen=True):
    """So many keys begin with a folder, whose texts have so many bytes in all."""

    count: int = 0
    size: int = 0


class Under(Found, frozen=True, kw_only=True):
    """The memories whose keys begin with a prefix, without their contents, and the bytes of these by their ids."""

    sizes: dict[str, int]


class KeyList(Answer, frozen=True, kw_only=True):
    """The memories whose keys are listed, by key, the bytes of their contents by their ids, and the folders."""

    memories: list[MemoryRecord]
    sizes: dict[str, int]
    folders: dict[str, FolderCount]


async def list_keys(
    provider: MemoryProvider,
    owner: Owner,
    prefix: str = "",
    depth: int | None = None,
    now_ms: Milliseconds = wall_clock_ms,
) -> KeyList:
    """List the keys that begin with a prefix, in the order of their code points.

    With a `depth` those that have more than so many parts behind the prefix are gathered in folders, by their first
    parts with the separator behind.

    Raises:
        InvalidInput: more than `MAX_LISTED` memories have such a key.
        Unavailable: the provider cannot list all memories.
    """
    check_key_prefix(prefix, "prefix")
    found = await all_under(provider, owner, prefix, "prefix")
    shown: list[MemoryRecord] = []
    folders = dict[str, FolderCount]()
    now = moment_of(now_ms)
    for memory in found.memories:
        if has_expired(memory, now):
            continue
        folder = _folder(memory.key or "", prefix, depth)
        if folder is None:
            shown.append(memory)
        else:
            before = folders.get(folder, FolderCount())
            folders[folder] = FolderCount(before.count + 1, before.size + found.sizes[memory.id])
    return KeyList(
        memories=shown,
        sizes=found.sizes,
        folders=dict(sorted(folders.items())),
        provider=found.provider,
        degraded=found.degraded,
        eventual=found.eventual,
    )


async def all_under(provider: MemoryProvider, owner: Owner, prefix: str, field: str) -> Under:
    """Return the current memories whose keys begin with a prefix, by key, those that have expired included.

    They have no contents, of which ten thousand would be too much to hold.

    Raises:
        InvalidInput: there are more than `MAX_LISTED`; `field` is the name of the prefix.
        Unavailable: the provider cannot list all memories.
    """
    query = PageQuery(owner=owner, key_prefix=prefix, limit=MAX_PAGE_LIMIT, now=BEGINNING)
    found: list[MemoryRecord] = []
    sizes = dict[str, int]()
    while True:
        page = await provider.page(query)
        if PARTIAL in page.degraded:
            raise Unavailable("the provider cannot list all memories of this user")
        sizes |= {memory.id: len(memory.content.encode()) for memory in page.memories}
        found += [replace(memory, content="", metadata=None) for memory in page.memories]
        if len(found) > MAX_LISTED:
            raise InvalidInput(field, f"must be longer: more than {MAX_LISTED} memories have such a key")
        if len(page.memories) < MAX_PAGE_LIMIT and not page.cut:
            return Under(
                memories=_current(found),
                sizes=sizes,
                provider=page.provider,
                degraded=page.degraded,
                eventual=page.eventual,
            )
        query = replace(query, after=page.memories[-1].position, provider=page.provider)


def _current(memories: Iterable[MemoryRecord]) -> list[MemoryRecord]:
    """Return the current memory of each key, in the order of the keys."""
    current: dict[str, MemoryRecord] = {}
    for memory in sorted(memories, key=rank_of):
        current[memory.key or ""] = memory
    return [current[key] for key in sorted(current)]


def _folder(key: str, prefix: str, depth: int | None) -> str | None:
    """Return the folder that stands for a key, None if the key itself is listed."""
    if depth is None:
        return None
    parts = key[len(prefix) :].split(SEPARATOR)
    return None if len(parts) <= depth else prefix + SEPARATOR.join([*parts[:depth], ""])
