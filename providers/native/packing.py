"""All living memories of one user, packed in the server: in one row, or in pages where they are very many.

A driver takes ten times as long for as many rows. But neither a value nor a row may exceed 1 GB in PostgreSQL, and
whoever packs, sends and reads so much at once holds it several times over, and may run into the time limit.
"""

from collections import defaultdict
from collections.abc import Iterator, Sequence
from itertools import pairwise, repeat
from typing import Any
from uuid import UUID

import numpy as np
from msgspec import Struct
from msgspec.structs import astuple, replace
from numpy.typing import NDArray
from sqlalchemy import Row

from providers.native.wall import within
from providers.owners import Owner
from providers.postgres.bound_sql import BoundSql
from providers.search.moments import NEVER, NO_MOMENT
from providers.search.packed_memories import PackedMemories, PackedVectors
from providers.search.stored_analysis import stored_analysis
from providers.search.traits import Traits
from providers.text.analyzer import ANALYZER_VERSION
from providers.timing.turns import in_turns


class Portions(Struct, frozen=True):
    """Up to how many bytes of an index come in one row, and in each page where it takes more.

    Fewer come in a page where there would be less than eight: some are read while others are built into the index.
    """

    at_once: int
    page: int

    def of_pages(self, memories: int, each: int) -> int:
        """Return how many memories come in a page, of so many that take so many bytes each."""
        return max(1, min(self.page, max(self.at_once // 2, memories * each // _PAGES)) // each)


PORTIONS = Portions(at_once=3 * 1024 * 1024, page=32 * 1024 * 1024)

_PAGES = 8

VECTOR_HEAD = 2  # numbers of 16 bits before those of a vector: its dimensions, and nothing

# About what an index takes of a memory beside its vector, which has two bytes a dimension there.
_BYTES = 450

# The tenant is named where the table is scanned, as in the statement of what changed.
_LIVING = f"{within('CAST($2 AS text)')} AND user_id = $1 AND deleted_at IS NULL"

_COUNT = f"""
    SELECT (
            SELECT count(*)
            FROM (SELECT FROM ninai_memories WHERE {_LIVING} LIMIT CAST($3 AS bigint) / {_BYTES} + 1) AS found
        ) AS memories,
        CAST({_BYTES} + 2 * coalesce((
            SELECT vector_dims(embedding) FROM ninai_memories WHERE {_LIVING} AND embedding IS NOT NULL LIMIT 1
        ), 0) AS bigint) AS each
"""  # noqa: S608 - joined from constants

# What a ranking without conditions on contents looks at. All aggregates meet the rows in one order. The texts come only
# where they have to be analyzed.
_RANKED = """
        SELECT
            string_agg(uuid_send(id), '') AS ids,
            string_agg(int8send(version), '') AS versions,
            string_agg(int8send(first_version), '') AS first_versions,
            string_agg(timestamptz_send(created_at), '') AS moments,
            string_agg(timestamptz_send(coalesce(expires_at, 'infinity')), '') AS expiries,
            string_agg(int4send(coalesce(octet_length(usable), 0)), '') AS lengths,
            string_agg(usable, '') AS analyses,
            array_agg(content) FILTER (WHERE usable IS NULL) AS contents,
            array_agg(speaker) FILTER (WHERE usable IS NULL) AS speakers,
            array_agg(session) AS sessions,
            array_agg(embedding_model) AS models,
            string_agg(halfvec_send(embedding), '') AS embeddings,
            CASE WHEN count(former_model) > 0 THEN array_agg(former_model) END AS former_models,
            string_agg(halfvec_send(former_embedding), '') AS former_embeddings
"""
_ALL = f"""{_RANKED},
            array_agg(agent) AS agents, array_agg(app) AS apps,
            array_agg(speaker) AS all_speakers, array_agg(key) AS memory_keys,
            array_agg(source ->> 'origin') AS origins, array_agg(source ->> 'caller') AS callers,
            array_agg(source ->> 'key') AS source_keys,
            string_agg(timestamptz_send(coalesce(CAST(source ->> 'at' AS timestamptz), '-infinity')), '') AS written,
            string_agg(int4send(coalesce(octet_length(CAST(metadata AS text)), 0)), '') AS metadata_lengths,
            string_agg(convert_to(CAST(metadata AS text), 'UTF8'), '') AS metadata
"""

_USABLE = f"CASE WHEN get_byte(analysis, 0) = {ANALYZER_VERSION} THEN analysis END AS usable"

_YEAR_2000 = 946_684_800_000_000  # from which PostgreSQL counts microseconds, in those since 1970
_NO_TRAITS = astuple(Traits())
_CHUNK = 4_096  # vectors that are there twice at a time


def count_statement(owner: Owner, most_bytes: int) -> BoundSql:
    """Return the statement that counts an owner's `memories`, with the bytes of `each`, up to so many bytes of them.

    It reads none of them.
    """
    return BoundSql(_COUNT, (owner.key, owner.tenant, most_bytes))


def whole_statement(store: str, owner: Owner, most_bytes: int, *, by_contents: bool = True) -> BoundSql:
    """Return the statement that packs all memories of an owner, as of the moment that the store tells.

    Its row counts them as `count_statement` does. If they take more than `most_bytes`, none of them is packed.
    """
    text = _WHOLE.format(store=store, packed=_packed(by_contents=by_contents))
    return BoundSql(text, (owner.key, owner.tenant, most_bytes), in_page_order=True)


def ends_statement(owner: Owner, most: int) -> BoundSql:
    """Return the statement for the ids that pages of so many memories `ends` with, in order."""
    return BoundSql(_ENDS, (owner.key, owner.tenant, most))


def page_statement(store: str, owner: Owner, after: UUID, end: UUID, *, by_contents: bool = True) -> BoundSql:
    """Return the statement that packs the memories whose ids come after one, up to another."""
    text = _PAGE.format(store=store, packed=_packed(by_contents=by_contents))
    return BoundSql(text, (owner.key, owner.tenant, after, end), in_page_order=True)


def _packed(*, by_contents: bool) -> str:
    return _ALL if by_contents else _RANKED


_SOURCE = "store.epoch, store.position, store.beyond, store.open"
# Counting comes first, and costs a tenth of packing. What is packed is no CTE, which would be written to disk before it
# is read.
_WHOLE = f"""
    WITH {{store}}, counted AS MATERIALIZED ({_COUNT})
    SELECT {_SOURCE}, counted.*, packed.*
    FROM store CROSS JOIN counted CROSS JOIN ({{packed}}
        FROM (
            SELECT *, {_USABLE} FROM ninai_memories
            WHERE {_LIVING} AND version > (SELECT erased FROM store)
                AND (SELECT memories * each FROM counted) <= CAST($3 AS bigint)
        ) AS memories
    ) AS packed
"""  # noqa: S608 - joined from constants
_ENDS = f"""
    SELECT ARRAY(
        SELECT ids[place] FROM generate_series(CAST($3 AS int), cardinality(ids), CAST($3 AS int)) AS place
    ) AS ends
    FROM (
        SELECT array_agg(id) AS ids FROM (SELECT id FROM ninai_memories WHERE {_LIVING} ORDER BY id) AS memories
    ) AS sorted
"""  # noqa: S608 - joined from constants
_PAGE = f"""
    WITH {{store}}
    SELECT {_SOURCE}, packed.*
    FROM store CROSS JOIN ({{packed}}
        FROM (
            SELECT *, {_USABLE}
            FROM ninai_memories
            WHERE {_LIVING} AND version > (SELECT erased FROM store)
                AND id > CAST($3 AS uuid) AND id <= CAST($4 AS uuid)
        ) AS memories
    ) AS packed
"""  # noqa: S608 - joined from constants


async def packed_of(row: Row[Any], *, by_contents: bool = True) -> PackedMemories:
    """Return the memories of a row of these statements; see `_ranked` for those that are not `by_contents`."""
    ranked = await _ranked(row)
    if not by_contents:
        return ranked
    written = _integers(row.written, ">i8")
    return replace(
        ranked,
        metadata=row.metadata or b"",
        metadata_lengths=_integers(row.metadata_lengths, ">i4"),
        keys=row.memory_keys or (),
        traits=_traits(row),
        written=np.where(written == NO_MOMENT, NO_MOMENT, written + _YEAR_2000),
    )


async def _ranked(row: Row[Any]) -> PackedMemories:
    """Return the memories of a row as if they had neither metadata nor keys, traits or sources."""
    lengths, expiries = _integers(row.lengths, ">i4"), _integers(row.expiries, ">i8")
    analyses = row.analyses or b""
    if row.contents is not None:
        texts = zip(row.contents, row.speakers, strict=True)
        fresh = iter(await in_turns(lambda text: stored_analysis(*text), texts))
        ends = np.cumsum(lengths).tolist()
        pieces = [analyses[start:end] or next(fresh) for start, end in pairwise([0, *ends])]
        analyses, lengths = b"".join(pieces), np.fromiter(map(len, pieces), np.int64, len(pieces))
    count = len(lengths)
    return PackedMemories(
        ids=row.ids or b"",
        version=_integers(row.versions, ">i8"),
        first_version=_integers(row.first_versions, ">i8"),
        created=_integers(row.moments, ">i8") + _YEAR_2000,
        expires=np.where(expiries == NEVER, NEVER, expiries + _YEAR_2000),
        analyses=analyses,
        lengths=lengths,
        sessions=row.sessions or (),
        metadata=b"",
        metadata_lengths=np.zeros(count, np.int64),
        keys=(None,) * count,
        traits=repeat(_NO_TRAITS, count),
        written=np.full(count, NO_MOMENT),
        vectors=_vectors(
            (row.models or (), row.embeddings or b""), (row.former_models or (), row.former_embeddings or b"")
        ),
    )


def _traits(row: Row[Any]) -> Iterator[tuple[str | None, ...]]:
    """Yield the fields of `Traits` of each memory."""
    columns = row.sessions, row.agents, row.apps, row.all_speakers, row.origins, row.callers, row.source_keys
    return zip(*(column or () for column in columns), strict=True)


def _integers(packed: bytes | None, kind: str) -> NDArray[np.int64]:
    return np.frombuffer(packed or b"", kind).astype(np.int64)


def _vectors(*of_columns: tuple[Sequence[str | None], bytes]) -> Iterator[PackedVectors]:
    """Yield the vectors of memories in few arrays, each of one model and one number of dimensions.

    Each column has the model of every memory, None where it has no vector, and the vectors one after the other.
    """
    parts = [packed for _, packed in of_columns if packed]
    numbers = np.frombuffer(parts[0] if len(parts) == 1 else b"".join(parts), ">u2")
    if (plain := _plain(*of_columns[0], numbers)) is not None:
        of_all, vectors = plain
        for first in range(0, len(vectors), _CHUNK):
            part = vectors[first : first + _CHUNK]
            yield PackedVectors(of_all, np.arange(first, first + len(part)), _halves(part))
        return
    alike = defaultdict[tuple[str, int], list[tuple[int, int]]](list)  # to the memory, and where its vector begins
    start = 0
    for models, _ in of_columns:
        for place, model in enumerate(models):
            if model is not None:
                dims = int(numbers[start])
                alike[model, dims].append((place, start + VECTOR_HEAD))
                start += VECTOR_HEAD + dims
    for (model, dims), found in alike.items():
        # While an embedder is exchanged, those of one model come from two columns.
        places, starts = np.array(sorted(found), np.int64).T
        whole = bool((np.diff(starts) == VECTOR_HEAD + dims).all())  # nothing else lies in between
        for first in range(0, len(places), _CHUNK):
            some = starts[first : first + _CHUNK]
            if whole:
                side_by_side = numbers[some[0] - VECTOR_HEAD : some[-1] + dims].reshape(-1, VECTOR_HEAD + dims)[
                    :, VECTOR_HEAD:
                ]
            else:
                side_by_side = numbers[some[:, None] + np.arange(dims)]
            yield PackedVectors(model, places[first : first + _CHUNK], _halves(side_by_side))


def _plain(
    models: Sequence[str | None], packed: bytes, numbers: NDArray[np.uint16]
) -> tuple[str, NDArray[np.uint16]] | None:
    """Return the model that all memories have a vector of, and the numbers of those; None if there are others."""
    if not models or models[0] is None or len(set(models)) > 1 or 2 * len(numbers) != len(packed):
        return None
    dims = int(numbers[0])
    if len(numbers) != len(models) * (VECTOR_HEAD + dims):
        return None
    rows = numbers.reshape(len(models), VECTOR_HEAD + dims)
    return (models[0], rows[:, VECTOR_HEAD:]) if (rows[:, 0] == dims).all() else None


def _halves(numbers: NDArray[np.uint16]) -> NDArray[np.float16]:
    return numbers.astype(np.uint16).view(np.float16)
