"""Every operation of the service, written once; the clients send them.

An unknown keyword argument is sent as a field, so that the service is the one that judges it.
"""

from collections.abc import Iterable
from typing import Unpack
from urllib.parse import quote

from msgspec.structs import replace

from ninaivalaigal import options as given
from ninaivalaigal.calls import Call, fields_of, given_of, reading, with_params, writing
from ninaivalaigal.transfers import Erasure, Imported
from ninaivalaigal.values import (
    Answer,
    Batch,
    ChangedMemories,
    Deleted,
    DeletedMany,
    History,
    Kept,
    KeyList,
    Matching,
    Memory,
    Page,
    Recalled,
    Remembered,
    Renamed,
    ServiceHealth,
)

_MEMORIES = "/memory/memories"
_KEYS = "/memory/keys"  # in the bodies, where every key can stand
_UNHEALTHY = frozenset({503})


def remember(content: str, **details: Unpack[given.RememberOptions]) -> Call[Remembered]:
    """Store a memory, or with `unless_similar` answer the one that is so much like it."""
    return writing("POST", "/memory/remember", Remembered, details, {"content": content} | given_of(details))


def remember_messages(messages: Iterable[given.ChatMessage], **details: Unpack[given.MessagesOptions]) -> Call[Batch]:
    """Store the messages of a conversation, each as a memory, in their order."""
    return writing("POST", "/memory/remember", Batch, details, {"messages": list(messages)} | given_of(details))


def remember_batch(memories: Iterable[given.NewMemory], **options: Unpack[given.WriteOptions]) -> Call[Batch]:
    """Store up to 1,000 memories; each fails alone."""
    return writing("POST", "/memory/remember/batch", Batch, options, {"memories": list(memories)})


def recall(query: str, **wanted: Unpack[given.RecallOptions]) -> Call[Recalled]:
    """Find the memories nearest to a query, best first: the user's, or those of several `owners`."""
    call = reading("POST", "/memory/recall", Recalled, wanted, {"query": query} | given_of(wanted))
    return replace(call, of_owners=wanted.get("owners") is not None)


def recall_batch(queries: Iterable[given.Question], **options: Unpack[given.ReadOptions]) -> Call[Batch]:
    """Answer up to 1,000 queries, those of the user or of the `owners` of each; each fails alone."""
    return reading("POST", "/memory/recall/batch", Batch, options, {"queries": list(queries)})


def get(memory_id: str, **options: Unpack[given.ReadOptions]) -> Call[Memory]:
    """Return one memory."""
    return reading("GET", _path(memory_id), Memory, options)


def history(
    memory_id: str, *, before: str | None = None, limit: int | None = None, **options: Unpack[given.ReadOptions]
) -> Call[History]:
    """List the versions of a memory that are kept, newest first; `before` is the `next` of the page before."""
    call = reading("GET", f"{_path(memory_id)}/history", History, options)
    return with_params(call, given_of({"before": before, "limit": limit}))


def restore(memory_id: str, version: str, **options: Unpack[given.WriteOptions]) -> Call[Memory]:
    """Bring back the content, metadata and labels of an old version, as a change like any other."""
    path = f"{_path(memory_id)}/history/{quote(version, safe='')}/restore"
    return writing("POST", path, Memory, options)


def list_memories(**listing: Unpack[given.ListOptions]) -> Call[Page]:
    """List memories, newest first, up to 100 on a page, with the conditions in the address."""
    return with_params(reading("GET", _MEMORIES, Page, listing), listing)


def query_memories(**listing: Unpack[given.ListOptions]) -> Call[Page]:
    """List memories, newest first, up to 1,000 on a page, with the conditions in the body."""
    return reading("POST", "/memory/list", Page, listing, given_of(listing))


def update(memory_id: str, **changes: Unpack[given.UpdateOptions]) -> Call[Memory]:
    """Replace content, metadata, labels or expiry; what is left out stays, and None removes."""
    return writing("PATCH", _path(memory_id), Memory, changes, fields_of(changes))


def update_batch(changes: Iterable[given.Change], **options: Unpack[given.WriteOptions]) -> Call[Batch]:
    """Change up to 1,000 memories; each fails alone."""
    return writing("POST", "/memory/update/batch", Batch, options, {"changes": list(changes)})


def delete(memory_id: str, **options: Unpack[given.ConditionalOptions]) -> Call[Deleted]:
    """Delete one memory for good."""
    return writing("DELETE", _path(memory_id), Deleted, options)


def delete_batch(memory_ids: Iterable[str], **options: Unpack[given.WriteOptions]) -> Call[Batch]:
    """Delete up to 1,000 memories for good; each fails alone."""
    return writing("POST", "/memory/delete/batch", Batch, options, {"memory_ids": list(memory_ids)})


def delete_matching(**conditions: Unpack[given.MatchOptions]) -> Call[DeletedMany]:
    """Delete up to 1,000 memories that meet conditions; without a condition the service refuses."""
    return with_params(writing("DELETE", _MEMORIES, DeletedMany, conditions), {"confirm": "matching", **conditions})


def count_matching(**conditions: Unpack[given.MatchOptions]) -> Call[Matching]:
    """Count the memories that `delete_matching` would delete, and delete none."""
    return with_params(writing("DELETE", _MEMORIES, Matching, conditions), {"dry_run": True, **conditions})


def delete_everything(**options: Unpack[given.WriteOptions]) -> Call[DeletedMany]:
    """Delete up to 1,000 memories of the user, whatever they are."""
    return with_params(writing("DELETE", _MEMORIES, DeletedMany, options), {"confirm": "everything"})


def erase_everything(**options: Unpack[given.WriteOptions]) -> Call[Erasure]:
    """Leave nothing at all of the user, not even that there were memories, and return a receipt."""
    return with_params(writing("DELETE", _MEMORIES, Erasure, options), {"confirm": "everything", "erase": True})


def erasure(erasure_id: str, **options: Unpack[given.ReadOptions]) -> Call[Erasure]:
    """Return the receipt of an erasure as it is now."""
    return reading("GET", f"/memory/erasures/{quote(erasure_id, safe='')}", Erasure, options)


def import_lines(lines: bytes, *, name: str | None = None, **options: Unpack[given.WriteOptions]) -> Call[Imported]:
    """Store the memories of an export, up to 10,000 lines; a repeated import stores nothing twice."""
    call = with_params(writing("POST", "/memory/import", Imported, options), {"name": name})
    return replace(call, body=lines, media_type="application/x-ndjson")


def export(**wanted: Unpack[given.ExportOptions]) -> Call[Answer]:
    """Export the memories that meet conditions, as lines of JSON; the clients read them as they come."""
    return with_params(reading("GET", "/memory/export", Answer, wanted), wanted)


def put_by_key(key: str, content: str, **details: Unpack[given.PutOptions]) -> Call[Kept]:
    """Create the memory under a key, or replace all parts of the one that is there."""
    return writing("POST", f"{_KEYS}/put", Kept, details, {"key": key, "content": content} | given_of(details))


def get_by_key(key: str, **options: Unpack[given.ReadOptions]) -> Call[Memory]:
    """Return the memory under a key."""
    return reading("POST", f"{_KEYS}/get", Memory, options, {"key": key})


def delete_by_key(key: str, **options: Unpack[given.ConditionalOptions]) -> Call[Deleted]:
    """Delete the memory under a key for good; the key may be put again."""
    return writing("POST", f"{_KEYS}/delete", Deleted, options, {"key": key})


def list_keys(prefix: str = "", depth: int | None = None, **options: Unpack[given.ReadOptions]) -> Call[KeyList]:
    """List the keys that begin with a prefix, up to 10,000; with a depth as in folders, so many parts deep."""
    return reading("POST", f"{_KEYS}/list", KeyList, options, given_of({"prefix": prefix, "depth": depth}))


def rename_keys(
    from_key: str, to_key: str, *, prefix: bool = False, **options: Unpack[given.WriteOptions]
) -> Call[Renamed]:
    """Give the memory under a key another one; with `prefix` all whose keys begin so, up to 1,000, in one go."""
    body = {"from_key": from_key, "to_key": to_key, "prefix": prefix}
    return writing("POST", f"{_KEYS}/rename", Renamed, options, body)


def changes(**wanted: Unpack[given.FeedOptions]) -> Call[ChangedMemories]:
    """Tell what was put, changed and deleted behind `after`, the `next` of the answer before; "now" for what comes."""
    call = reading("GET", "/memory/changes", ChangedMemories, wanted)
    params = {"after": wanted.get("after"), "limit": wanted.get("limit"), "wait": wanted.get("wait_seconds")}
    return replace(with_params(call, {}), params={name: str(one) for name, one in params.items() if one is not None})


def health(**options: Unpack[given.CallOptions]) -> Call[ServiceHealth]:
    """Tell whether the service can serve; that it cannot is an answer, too."""
    return replace(reading("GET", "/memory/health", ServiceHealth, options), answers_with=_UNHEALTHY)


def _path(memory_id: str) -> str:
    # Dots alone would be taken for folders of an address.
    return f"{_MEMORIES}/{quote(memory_id, safe='').replace('.', '%2E')}"
