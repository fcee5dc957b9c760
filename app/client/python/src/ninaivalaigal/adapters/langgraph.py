"""LangGraph's long-term memory: a `BaseStore` whose items are memories of one user.

store = NinaiStore(Client(user="priya"))
graph = builder.compile(store=store)
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from math import ceil
from typing import Any
from urllib.parse import quote

from langgraph.store.base import (
    BaseStore,
    GetOp,
    Item,
    ListNamespacesOp,
    MatchCondition,
    Op,
    PutOp,
    Result,
    SearchItem,
    SearchOp,
    TTLConfig,
    get_text_at_path,
)

from ninaivalaigal import operations
from ninaivalaigal.async_client import AsyncClient
from ninaivalaigal.calls import Plan
from ninaivalaigal.client import Client
from ninaivalaigal.errors import ClientError
from ninaivalaigal.keyed import Collection
from ninaivalaigal.limits import MAX_BATCH, as_content
from ninaivalaigal.options import Change, Condition
from ninaivalaigal.values import Memory

_SECONDS_PER_MINUTE = 60
_MS_PER_SECOND = 1_000
# An item that has been prolonged so lately, as a share of its time to live, is not prolonged by another read: each time
# is a write, and a version of its history.
_LATELY = 0.1
_ORDERINGS = {"$gt": "gt", "$gte": "gte", "$lt": "lt", "$lte": "lte"}


class NinaiStore(BaseStore):
    """A store over the service; items are found by meaning and by words, without any embeddings of one's own.

    With an `async_client` the asynchronous methods use it; without one they use threads. `fields` are the paths of a
    value that searches look at, by default all of it. An item that has a time to live (in minutes) expires when it has
    passed since its last `put`, or since a read that prolongs it, as all do unless `refresh_on_read` or the operation
    says no. Nobody sees it then, and the service deletes it by itself.

    Values of up to about 15 KiB of JSON are possible, since they are metadata of memories.
    """

    supports_ttl = True

    def __init__(
        self,
        client: Client,
        async_client: AsyncClient | None = None,
        *,
        user: str | None = None,
        collection: str = "langgraph",
        fields: Iterable[str] = ("$",),
        default_ttl: float | None = None,
        refresh_on_read: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.ttl_config = TTLConfig(refresh_on_read=refresh_on_read, omit_expired=True, default_ttl=default_ttl)
        self._client, self._async_client = client, async_client
        self._items = Collection(name=collection, user=user)
        self._fields, self._clock = list(fields), clock

    def batch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations: all that read, and then those that write, of which the last one of each key."""
        given = list(ops)
        results: list[Result] = [None if isinstance(op, PutOp) else self._client.run(self._read(op)) for op in given]
        for op in _last_puts(given):
            self._client.run(self._write(op))
        return results

    async def abatch(self, ops: Iterable[Op]) -> list[Result]:
        """Execute operations as `batch` does, those of a kind at the same time."""
        given = list(ops)
        if (client := self._async_client) is None:
            return await asyncio.to_thread(self.batch, given)
        reads = [at for at, op in enumerate(given) if not isinstance(op, PutOp)]
        found = await asyncio.gather(*(client.run(self._read(given[at])) for at in reads))
        await asyncio.gather(*(client.run(self._write(op)) for op in _last_puts(given)))
        results: list[Result] = [None] * len(given)
        for at, result in zip(reads, found, strict=True):
            results[at] = result
        return results

    def _read(self, op: Op) -> Plan[Result]:
        if isinstance(op, GetOp):
            return self._get(op)
        if isinstance(op, SearchOp):
            return self._search(op)
        if isinstance(op, ListNamespacesOp):
            return self._list_namespaces(op)
        raise ValueError(f"unknown operation: {type(op).__name__}")

    def _get(self, op: GetOp) -> Plan[Result]:
        memory = yield from self._items.get(_key(op.namespace, op.key))
        if memory is None:
            return None
        yield from self._refresh([memory] if op.refresh_ttl else [])
        return Item(**self._parts(memory))

    def _search(self, op: SearchOp) -> Plan[Result]:
        conditions = [self._items.under(_path(op.namespace_prefix))]
        conditions += self._filter(self._items.field("value"), op.filter or {})
        most = op.offset + op.limit
        if op.query:
            conditions.append({"op": "eq", "field": self._items.field("indexed"), "value": True})
            found = yield from self._items.recall(op.query, {"op": "and", "all": conditions}, most)
        else:
            found = yield from self._items.found({"op": "and", "all": conditions}, most)
        shown = found[op.offset : most]
        yield from self._refresh(shown if op.refresh_ttl else [])
        return [SearchItem(**self._parts(one), score=one.similarity_score) for one in shown]

    def _list_namespaces(self, op: ListNamespacesOp) -> Plan[Result]:
        conditions = op.match_conditions or ()
        found = yield from self._items.found(self._items.under(_known_beginning(conditions)))
        namespaces = {self._namespace(memory) for memory in found}
        matching = {one[: op.max_depth] for one in namespaces if all(_matches(one, each) for each in conditions)}
        return sorted(matching)[op.offset : op.offset + op.limit]

    def _write(self, op: PutOp) -> Plan[None]:
        key = _key(op.namespace, op.key)
        if op.value is None:
            yield from self._items.delete(key)
            return
        paths = self._fields if op.index is None else op.index or []
        text = "\n".join(text for path in paths for text in get_text_at_path(op.value, path))
        marks: dict[str, Any] = {
            "namespace": list(op.namespace),
            "item": op.key,
            "value": dict(op.value),
            "indexed": bool(text.strip()),
        }
        seconds = None if op.ttl is None else max(1, ceil(op.ttl * _SECONDS_PER_MINUTE))
        if seconds is not None:
            marks |= {"ttl_seconds": seconds, "put_at_ms": self._now()}
        yield from self._items.put(key, as_content(text, otherwise=key), marks, seconds)

    def _refresh(self, memories: Iterable[Memory]) -> Plan[None]:
        """Prolong the lives of items that were read, as far as the caller may and the service can at the moment.

        Of an item that is put again while it is prolonged the time to live may be the former one.
        """
        due = [one for one in memories if self._is_due(one)]
        changes: list[Change] = [
            {"memory_id": one.id, "ttl_seconds": self._items.marks_of(one)["ttl_seconds"]} for one in due
        ]
        for begin in range(0, len(changes), MAX_BATCH):
            with suppress(ClientError):  # what was read is the answer all the same
                yield from operations.update_batch(changes[begin : begin + MAX_BATCH], user=self._items.user)

    def _is_due(self, memory: Memory) -> bool:
        seconds = self._items.marks_of(memory).get("ttl_seconds")
        if seconds is None or memory.expires_at is None:
            return False
        left = memory.expires_at.timestamp() - self._clock()
        return left < float(seconds) * (1 - _LATELY)

    def _filter(self, field: list[str], wanted: Mapping[str, Any]) -> list[Condition]:
        return [one for name, value in wanted.items() for one in _compared([*field, name], value)]

    def _now(self) -> int:
        return round(self._clock() * _MS_PER_SECOND)

    def _put_at(self, memory: Memory) -> datetime:
        """Return when an item was put; to be prolonged changes the memory, and not the item."""
        at = self._items.marks_of(memory).get("put_at_ms")
        return (
            memory.changed_at
            if at is None
            else max(memory.created_at, datetime.fromtimestamp(at / _MS_PER_SECOND, UTC))
        )

    def _namespace(self, memory: Memory) -> tuple[str, ...]:
        return tuple(self._items.marks_of(memory)["namespace"])

    def _parts(self, memory: Memory) -> dict[str, Any]:
        marks = self._items.marks_of(memory)
        return {
            "namespace": tuple(marks["namespace"]),
            "key": marks["item"],
            "value": marks["value"],
            "created_at": memory.created_at,
            "updated_at": self._put_at(memory),
        }


def _path(namespace: Iterable[str]) -> str:
    """Return the beginning of the keys in a namespace; a label that merely begins so is another one."""
    return "".join(f"{quote(label, safe='', errors='surrogatepass')}/" for label in namespace)


def _key(namespace: Iterable[str], key: str) -> str:
    return _path(namespace) + quote(key, safe="", errors="surrogatepass")


def _last_puts(ops: Iterable[Op]) -> list[PutOp]:
    """Return what is to be written; of several puts under one key only the last one counts."""
    return list({(op.namespace, op.key): op for op in ops if isinstance(op, PutOp)}.values())


def _compared(field: list[str], wanted: Any) -> list[Condition]:  # noqa: ANN401 - any JSON value
    """Return the conditions of one entry of a filter, as LangGraph's own stores understand it."""
    if not isinstance(wanted, Mapping):
        return [_equal(field, wanted)]
    if not any(name.startswith("$") for name in wanted):
        inside = [one for name, value in wanted.items() for one in _compared([*field, name], value)]
        return inside or [{"op": "exists", "field": field}]
    return [_operated(field, name, value) for name, value in wanted.items()]


def _operated(field: list[str], operator: str, value: Any) -> Condition:  # noqa: ANN401 - any JSON value
    if operator == "$eq":
        return _equal(field, value)
    if operator == "$ne":
        return {"op": "not", "that": _equal(field, value)}
    if operator not in _ORDERINGS:
        raise ValueError(f"unsupported operator: {operator}")
    return {"op": _ORDERINGS[operator], "field": field, "value": value}


def _equal(field: list[str], value: Any) -> Condition:  # noqa: ANN401 - any JSON value
    equal = {"op": "eq", "field": field, "value": value}
    if value is not None:
        return equal
    return {"op": "or", "any": [equal, {"op": "not", "that": {"op": "exists", "field": field}}]}


def _known_beginning(conditions: Iterable[MatchCondition]) -> str:
    """Return the beginning that all keys have which meet the conditions."""
    for condition in conditions:
        if condition.match_type == "prefix" and "*" not in condition.path:
            return _path(condition.path)
    return ""


def _matches(namespace: tuple[str, ...], condition: MatchCondition) -> bool:
    path = condition.path
    if len(namespace) < len(path):
        return False
    part = namespace[: len(path)] if condition.match_type == "prefix" else namespace[len(namespace) - len(path) :]
    return all(wanted in ("*", label) for label, wanted in zip(part, path, strict=True))
