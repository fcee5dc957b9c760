"""The columns of the table of memories: one list, from which statements, bound values and results are made."""

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import UTC, datetime
from functools import lru_cache
from itertools import chain, groupby
from operator import attrgetter
from typing import Any
from uuid import UUID

import msgspec
from msgspec import UNSET, Struct
from sqlalchemy import Row

from providers.embedders.base import Vector
from providers.labels import NAMES
from providers.native.analyzed import AnalyzedMemory, analysis_column, terms_column
from providers.native.further import unknown_of
from providers.native.halves import to_half
from providers.native.jsonb import to_jsonb
from providers.native.rows import Embedding, MemoryRow
from providers.native.wall import NAMED, tenants_of
from providers.owners import Owner
from providers.postgres.parts import MOST_BYTES, in_parts, most_size_of, size_of
from providers.source import WriteSource
from providers.timing.turns import in_turns
from providers.types import Edit, MemoryRecord, Snapshot

Convert = Callable[[Any], Any]


class Column(Struct, frozen=True, kw_only=True):
    """One column of `ninai_memories`, which has the name of the field of a state that it holds.

    `type` is what a value is bound as, None where `expression` computes the column from others. One that is `derived`
    is never written: the database makes it of the column `unknown` (see `providers/native/further.py`). `source` is the
    path to the value in a `MemoryRow`, by default the field of its state. `write` converts that value for the driver,
    `read` what the driver returns. `head` stands for the column where long values are left out. `edit` is a template of
    the value after an edit, None where an edit leaves the column alone or the statement itself sets it. A tombstone has
    none of what is `live`, and a memory that is stored for the first time none of what is `later`.
    """

    name: str
    type: str | None
    live: bool = False
    later: bool = False
    derived: bool = False
    source: str | None = None
    write: Convert | None = None
    read: Convert | None = None
    expression: str | None = None
    head: str | None = None
    edit: str | None = None


def _literal(edits: Iterable[str]) -> str:
    """Write an array as a literal, since unnest makes arrays of arrays flat."""
    return f"{{{','.join(edits)}}}"


def _strings(ids: Iterable[UUID]) -> tuple[str, ...]:
    return tuple(map(str, ids))


def _half(vector: Vector | None) -> bytes | None:
    return None if vector is None else to_half(vector)


def _source(value: dict[str, Any] | None) -> WriteSource | None:
    return None if value is None else msgspec.convert(value, WriteSource)


_IF_GIVEN = "CASE WHEN :has_{name} THEN CAST(:{name} AS {type}) ELSE {name} END"
_WITH_CONTENT = "CASE WHEN :has_content THEN CAST(:{name} AS {type}) ELSE {name} END"
_WITH_FURTHER = "CASE WHEN :has_further THEN ninai_changed_fields({name}, CAST(:further AS jsonb)) ELSE {name} END"
_OF_THE_SAME = "CASE WHEN :has_content OR CAST(:further AS jsonb) ? 'speaker' THEN NULL ELSE {name} END"

COLUMNS = (
    Column(name="user_id", type="text"),
    Column(name="id", type="uuid", read=str),
    Column(name="version", type="bigint"),
    Column(name="content", type="text", live=True, head="CASE WHEN deleted_at IS NULL THEN '' END", edit=_IF_GIVEN),
    Column(name="metadata", type="jsonb", live=True, write=to_jsonb, head="NULL", edit=_IF_GIVEN),
    Column(name="created_at", type="timestamptz"),
    Column(name="updated_at", type="timestamptz", live=True, edit="CAST(:now AS timestamptz)"),
    Column(name="deleted_at", type="timestamptz", later=True, source="deleted_at"),
    Column(name="digest", type="bytea", live=True, write=lambda value: value or None, read=lambda value: value or b""),
    Column(name="edits", type="text", later=True, write=_literal, read=_strings, expression="CAST(edits AS uuid[])"),
    Column(
        name="unknown",
        type="text",
        live=True,
        source="further",
        head="NULL",
        write=lambda value: value or None,
        read=unknown_of,
        edit=_WITH_FURTHER,
    ),
    Column(name="first_version", type="bigint", derived=True, head="0"),
    Column(name="expires_at", type="timestamptz", derived=True, head="NULL"),
    Column(name="sliding_seconds", type="int8", derived=True, head="NULL"),
    Column(name="touched_at", type="timestamptz", derived=True),
    *(Column(name=label, type="text", derived=True, head="NULL") for label in NAMES),
    Column(name="source", type="jsonb", derived=True, head="NULL", read=_source),
    Column(name="embedding_model", type="text", live=True, source="embedding.model", edit=_WITH_CONTENT),
    Column(name="embedding", type="halfvec", live=True, source="embedding.vector", write=_half, edit=_WITH_CONTENT),
    Column(name="former_model", type="text", live=True, source="embedding.former_model", edit=_WITH_CONTENT),
    Column(
        name="former_embedding",
        type="halfvec",
        live=True,
        source="embedding.former_vector",
        write=_half,
        edit=_WITH_CONTENT,
    ),
    Column(name="analysis", type="bytea", live=True, source="analyzed", write=analysis_column, edit=_OF_THE_SAME),
    Column(name="terms", type="sparsevec", live=True, source="analyzed", write=terms_column, edit=_WITH_CONTENT),
)

EDITED = "updated_at IS NOT NULL"  # of a memory, whether it was changed after it was stored

WRITTEN = tuple(column for column in COLUMNS if not column.derived)
FIRST = tuple(column for column in WRITTEN if not column.later)  # of a memory that is stored for the first time
STATE = tuple(column for column in COLUMNS if column.name in Snapshot.__struct_fields__)
RECORD = tuple(column for column in STATE if column.name in MemoryRecord.__struct_fields__)
LIVE = tuple(column for column in COLUMNS if column.live)
GIVEN = tuple(column for column in COLUMNS if column.edit == _IF_GIVEN)  # by edits


def names(columns: Iterable[Column], prefix: str = "") -> str:
    """Return columns as a list in SQL."""
    return ", ".join(f"{prefix}{column.name}" for column in columns)


def heads(columns: Iterable[Column]) -> str:
    """Return columns as a list in SQL that leaves long values out."""
    return ", ".join(f"{column.head} AS {column.name}" if column.head else column.name for column in columns)


def insertion(columns: Sequence[Column], condition: str = NAMED) -> str:
    """Return the statement that inserts rows of columns, each bound as one array, up to the clause about conflicts.

    `condition` makes the settings of the statement.

    Rows come in one order everywhere, so that two batches that share ids wait for each other instead of deadlocking; of
    two with the same id in one batch the first is stored.
    """
    bound = [column for column in columns if column.type is not None]
    arrays = ", ".join(f"CAST(:{column.name} AS {column.type}[])" for column in bound)
    inserted = ", ".join(column.expression or column.name for column in columns)
    return f"""
        INSERT INTO ninai_memories AS stored ({names(columns)})
        SELECT {inserted} FROM unnest({arrays}) WITH ORDINALITY AS new ({names(bound)}, place)
        WHERE {condition}
        ORDER BY user_id, id, place
        ON CONFLICT (user_id, id)
    """  # noqa: S608 - joined from constants


def insertion_of_rows(columns: Sequence[Column], count: int) -> str:
    """Return the same statement with each value of each row bound by itself, as `name_0`, `name_1` and so on."""
    types = {column.name: column.type for column in columns if column.type is not None}
    bound = re.compile(rf"\b({'|'.join(types)})\b")
    row = ", ".join(
        bound.sub(lambda name: f"CAST(:{name[0]}_@ AS {types[name[0]]})", column.expression or column.name)
        for column in columns
    )
    rows = ", ".join(f"({row.replace('@', str(place))})" for place in range(count))
    return f"INSERT INTO ninai_memories AS stored ({names(columns)}) VALUES {rows} ON CONFLICT (user_id, id)"  # noqa: S608 - joined from constants


def assignments(columns: Iterable[Column], template: str) -> str:
    """Return what UPDATE sets columns to, by a template over their names and types."""
    return ", ".join(f"{column.name} = {template.format(name=column.name, type=column.type)}" for column in columns)


def edited() -> str:
    """Return what UPDATE sets at an edit, but for what decides whether the edit applies."""
    return ", ".join(assignments([column], column.edit) for column in COLUMNS if column.edit is not None)


# Of a slice, which takes one turn of the event loop: some 0.5 ms.
_SLICE_ROWS = 16
_SLICE_CHARS = 8_192

_TAKE = {column.name: attrgetter(column.source or f"state.{column.name}") for column in COLUMNS}
_OF_STATE = [(column.name, column.read) for column in STATE]
_OF_RECORD = [(column.name, column.read) for column in RECORD]


async def insert_values(rows: Sequence[MemoryRow], columns: Sequence[Column]) -> list[dict[str, Any]]:
    """Return the arrays that insert rows, one for each column that is bound, and their tenants, for a few statements.

    There is one statement unless the rows are large; many rows take turns of the event loop. An array of nothing but
    NULL is empty: unnest makes it as long as the others, and the driver takes as long for NULL as for other values.
    """
    names, sources = _bound(tuple(columns))

    def written(some: Sequence[MemoryRow]) -> list[list[Any]]:
        taken = ((list(map(take, some)), writes) for take, writes in sources)
        return [_written(values, write) for values, writes in taken for write in writes]

    slices = await in_turns(written, _slices(rows))
    arrays = [list(chain.from_iterable(array)) for array in zip(*slices, strict=True)]
    if most_size_of(arrays) <= MOST_BYTES:
        return [_values_of(names, arrays)]
    parts = in_parts(list(zip(*arrays, strict=True)), size_of, _key_in_order)
    return [_values_of(names, zip(*part, strict=True)) for part in parts]


def _slices(rows: Sequence[MemoryRow]) -> Iterator[Sequence[MemoryRow]]:
    """Cut rows into slices; a column of several rows takes less time than the columns of each."""
    start = chars = 0
    for place, row in enumerate(rows):
        size = len(row.state.content or "")
        if place > start and (place - start == _SLICE_ROWS or chars + size > _SLICE_CHARS):
            yield rows[start:place]
            start, chars = place, 0
        chars += size
    yield rows[start:]


def _values_of(names: Iterable[str], arrays: Iterable[Sequence[Any]]) -> dict[str, Any]:
    values: dict[str, Any] = {name: _without_nulls(array) for name, array in zip(names, arrays, strict=True)}
    return values | {"tenants": tenants_of(values["user_id"])}


def _without_nulls(array: Sequence[Any]) -> list[Any]:
    return [] if array[0] is None and all(value is None for value in array) else list(array)


@lru_cache
def _bound(columns: tuple[Column, ...]) -> tuple[list[str], list[tuple[Convert, list[Convert | None]]]]:
    """Return the names of the columns that are bound, and how values are taken from a row and converted.

    What several columns next to each other are made of is taken once.
    """
    bound = [column for column in columns if column.type is not None]
    sources = groupby(bound, lambda column: column.source or column.name)
    alike = [list(some) for _, some in sources]
    return [column.name for column in bound], [(_TAKE[some[0].name], [one.write for one in some]) for some in alike]


def _key_in_order(written: Sequence[Any]) -> tuple[str, str]:
    user_id, memory_id, *_ = written
    return user_id, memory_id


def edit_values(edit: Edit) -> dict[str, Any]:
    """Return for each column that an edit can set whether it does, and to what."""
    further = {name: _in_text(value) for name, value in edit.further.items()}
    further["source"] = None if edit.source is None else msgspec.to_builtins(edit.source)
    values: dict[str, Any] = {"has_further": True, "further": to_jsonb(further)}
    for column in GIVEN:
        value = getattr(edit, column.name)
        given = value is not UNSET
        values[f"has_{column.name}"] = given
        [values[column.name]] = _written([value], column.write) if given else [None]
    if edit.content is UNSET:
        return values | {"terms": None}
    # The name of a speaker that only the row tells is added by the analysis queue.
    return values | {"terms": terms_column(AnalyzedMemory.of(edit.content, edit.labels.get("speaker")))}


def _in_text(value: str | datetime | None) -> str | None:
    """Return the value of a further field as it stands in the text of them all."""
    return msgspec.to_builtins(value.astimezone(UTC)) if isinstance(value, datetime) else value


def embedding_values(embedding: Embedding) -> dict[str, Any]:
    """Return what an update stores of a vector."""
    return {
        "embedding_model": embedding.model,
        "embedding": _half(embedding.vector),
        "former_model": embedding.former_model,
        "former_embedding": _half(embedding.former_vector),
    }


def record_of(row: Row[Any], score: float | None = None) -> MemoryRecord:
    """Return a memory as a caller sees it, from a row that begins with the columns of `RECORD`."""
    fields = _fields(_OF_RECORD, row)
    owner = Owner.of_key(fields["user_id"])
    return MemoryRecord(**fields | {"user_id": owner.user, "tenant": owner.tenant}, similarity_score=score)


def snapshot_of(row: Row[Any]) -> Snapshot:
    """Return a memory or a tombstone, from a row of the columns of `STATE`."""
    return Snapshot(**_fields(_OF_STATE, row))


def _written(values: Iterable[Any], write: Convert | None) -> list[Any]:
    return list(values if write is None else map(write, values))


def _fields(columns: Sequence[tuple[str, Convert | None]], row: Row[Any]) -> dict[str, Any]:
    return {name: value if read is None else read(value) for (name, read), value in zip(columns, row, strict=False)}
