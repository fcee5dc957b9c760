"""The index: made where there is none, and examined where there is one."""

from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import msgspec
from msgspec import Struct

from providers.errors import Misconfigured
from providers.opensearch.calling import Answered, Call
from providers.opensearch.documents import FORM, MAPPING, VECTOR_FIELDS
from providers.opensearch.vectors import VECTOR, dimensions_of

_FIRST = "-000001"  # of the indexes that an alias may stand for one after the other

_DURABLE = "request"  # by default: nothing is confirmed before it is on the disk

Send = Callable[[Call], Awaitable[Answered]]


class WantedIndex(Struct, frozen=True):
    """The alias that an index is used by, and what an index is made with."""

    alias: str
    shards: int
    copies: int


async def prepared(send: Send, wanted: WantedIndex, vector: Mapping[str, Any] | None = None) -> str:
    """Return the id of the index behind the alias, which is made if there is none; `vector` is its field for vectors.

    An index without that field gets it.

    Raises:
        Unavailable: the server does not answer.
        Misconfigured: it is the index of another program, or of a newer version.
    """
    call = Call(method="GET", path=f"/{wanted.alias}", may_lack=True)
    there = await send(call)
    if there.status == HTTPStatus.NOT_FOUND:
        await _made(send, wanted)
        there = await send(call)
    if there.status == HTTPStatus.NOT_FOUND:
        reason = f"{wanted.alias}{_FIRST} is there, but not behind {wanted.alias}: add the alias, or set another index"
        raise Misconfigured(reason)
    examined(there.body, wanted.alias, vector)
    if vector is not None and not _has_vectors(there.body):
        await _widen(send, wanted, vector)
        there = await send(call)
    return examined(there.body, wanted.alias, vector)


async def _widen(send: Send, wanted: WantedIndex, vector: Mapping[str, Any]) -> None:
    """Give an index the fields for vectors; another process may be quicker.

    Raises:
        Misconfigured: the server knows none, or none that large, or the user may not.
    """
    body = msgspec.json.encode({"properties": {**VECTOR_FIELDS, VECTOR: vector}})
    try:
        await send(Call(method="PUT", path=f"/{wanted.alias}/_mapping", body=body, writes=True))
    except Misconfigured as error:
        reason = f"the index gets no field for vectors of {dimensions_of(vector)} dimensions: {error}"
        raise Misconfigured(f'{reason} Or set embedder.kind to "none"') from error


def _has_vectors(indexes: Mapping[str, Any]) -> bool:
    return all(VECTOR in index["mappings"].get("properties", {}) for index in indexes.values())


async def _made(send: Send, wanted: WantedIndex) -> None:
    """Make the index together with its alias; another process may be quicker."""
    body = {
        "settings": {"number_of_shards": wanted.shards, "number_of_replicas": wanted.copies - 1},
        "mappings": MAPPING,
        "aliases": {wanted.alias: {}},
    }
    encoded = msgspec.json.encode(body)
    await send(Call(method="PUT", path=f"/{wanted.alias}{_FIRST}", body=encoded, writes=True, may_exist=True))


def examined(indexes: Mapping[str, Any], alias: str, vector: Mapping[str, Any] | None = None) -> str:
    """Return the id of the index that a server describes; `vector` is the field for vectors that it is to have.

    Raises:
        Misconfigured: see `prepared`.
    """
    if alias in indexes:
        raise Misconfigured(f"{alias} is an index of another program, no alias of ours: set another index")
    if len(indexes) != 1:
        raise Misconfigured(f"{alias} stands for {len(indexes)} indexes, expected one")
    [index] = indexes.values()
    mapping = index["mappings"]
    form = mapping.get("_meta", {}).get("ninai", {}).get("form")
    if form is None:
        raise Misconfigured(f"{alias} stands for an index of another program: set another index")
    if form != FORM:
        raise Misconfigured(f"the index has the form {form}, this version knows {FORM}: is it of another version?")
    fields, expected = dict(mapping.get("properties", {})), MAPPING["properties"]
    _check_vectors(fields.pop(VECTOR, None), vector)
    expected = expected | {name: field for name, field in VECTOR_FIELDS.items() if name in fields}
    differing = {name for name in fields | expected if not _alike(fields.get(name), expected.get(name))}
    differing |= {name for name in ("dynamic", "_routing") if mapping.get(name) != MAPPING[name]}
    if differing:
        raise Misconfigured(f"the mapping of the index differs in {', '.join(sorted(differing))}: it was changed")
    settings = index["settings"]["index"]
    if settings.get("translog", {}).get("durability", _DURABLE) != _DURABLE:
        raise Misconfigured("the index confirms what is on no disk yet: set index.translog.durability to request")
    return str(settings["uuid"])


def _check_vectors(there: Mapping[str, Any] | None, wanted: Mapping[str, Any] | None) -> None:
    if there is None:
        return
    having = dimensions_of(there)
    if having is None:
        raise Misconfigured(f"the mapping of the index differs in {VECTOR}: it was changed")
    if wanted is not None and having != dimensions_of(wanted):
        raise Misconfigured(
            f"the index has vectors of {having} dimensions, the embedder makes {dimensions_of(wanted)}: configure the"
            " one that made them, or set another index"
        )


def _alike(there: Mapping[str, Any] | None, expected: Mapping[str, Any] | None) -> bool:
    """Return whether a field is as it was made; servers may tell more of it."""
    return there is not None and expected is not None and expected.items() <= there.items()
