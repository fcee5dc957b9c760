"""The index of one user's memories: arrays that a ranking reads, brought up to date memory by memory."""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

import numpy as np
from numpy.typing import NDArray

from providers.search.columns import Columns, halves, id_hash, id_hashes
from providers.search.distinct import numbered
from providers.search.entries import Entry, said_by, text_of
from providers.search.moments import NEVER, expiry_of, microseconds, written_of
from providers.search.neighbours import NO_SESSION, Neighbours, NeighbourStep
from providers.search.packed_memories import PackedMemories
from providers.search.packed_rows import FULL, MOST_ROWS, PackedRows, Rows, hashed
from providers.search.packed_texts import PackedTexts, side_by_side
from providers.search.spare import Spare
from providers.search.speakers import Speakers
from providers.search.stored_analysis import LANGUAGES, analyses_of, fingerprint
from providers.search.traits import Traits, TraitsTable
from providers.search.vector_planes import VectorPlanes
from providers.text.analyzer import analyze

# Rows of memories that are gone, as a share of all, beyond which the others move together.
_MOST_GONE = 0.25
_FEW_GONE = 64


class UserIndex:
    """Hold what is known of each live memory once, by id; a newer version takes the place of an older one.

    A row is a memory's place in all arrays; one that is removed stays until many are, and is not `alive`.
    """

    def __init__(self, expected: int = 0) -> None:
        self._expected = expected  # memories, for which there is room from the beginning
        self.columns = Columns()
        self.neighbours = Neighbours()
        self.speakers = Speakers()
        self.planes: dict[str, VectorPlanes] = {}  # by the name of the model
        self.spare = Spare()
        self.traits = TraitsTable()
        self.metadata = PackedTexts()  # as JSON, empty where there is none
        self.keys = PackedTexts()
        self._terms = PackedRows()
        self._ids = PackedRows()
        self._sessions: dict[str, int] = {}
        self._in_language: Counter[int] = Counter()
        self.changes = 0  # how often anything has changed
        self.moves = 0  # how often rows have got other numbers
        self.mortal = 0  # live memories that expire some day
        self._count = 0
        self._total_length = 0

    def __len__(self) -> int:
        return self._count

    @classmethod
    def of(cls, memories: PackedMemories) -> "UserIndex":
        """Return an index of these memories; raises what `extend` raises."""
        index = cls()
        index.extend(memories)
        return index

    def extend(self, memories: PackedMemories) -> None:
        """Add memories that are not in the index yet; raises what `extending` raises."""
        for _ in self.extending(memories):
            pass

    def extending(self, memories: PackedMemories) -> Iterator[None]:
        """Add memories that are not in the index yet, a step whenever the next one is asked for.

        The index is not whole before the last one.

        Raises:
            OverflowError: there is no room for as many.
        """
        first, count = len(self.columns), len(memories.version)
        if first + count > MOST_ROWS:
            raise OverflowError(FULL)
        self.changes += 1
        ids = np.frombuffer(memories.ids, ">u8").astype(np.uint64).reshape(count, 2)
        high, low = ids[:, 0], ids[:, 1]
        analyses = analyses_of(memories.analyses, memories.lengths)
        yield
        names, sessions = numbered(memories.sessions, count)
        numbers = np.array([NO_SESSION if name is None else self._session(name) for name in names], np.int32)
        self.columns.extend(
            count,
            high=high,
            low=low,
            version=memories.version,
            first_version=memories.first_version,
            created=memories.created,
            expires=memories.expires,
            content=analyses.contents,
            length=analyses.lengths,
            session=numbers[sessions],
            speaker=self.speakers.numbers(analyses.names),
            language=analyses.languages,
            traits=self.traits.numbers(memories.traits, count),
            written=memories.written,
        )
        self.metadata.extend(memories.metadata, memories.metadata_lengths)
        self.keys.extend(*side_by_side(memories.keys))
        self._ids.add_all(id_hashes(high, low), np.arange(first, first + count, dtype=np.uint64))
        yield
        self._terms.add_all(analyses.terms, (analyses.memories + first).astype(np.uint64))
        self._count += count
        self._total_length += int(analyses.lengths.sum())
        self.mortal += int(np.count_nonzero(memories.expires != NEVER))
        self._in_language.update(dict(enumerate(np.bincount(analyses.languages).tolist())))
        self.neighbours.expect(first + count)
        for packed in memories.vectors:
            yield
            planes = self._planes_of(packed.model, packed.vectors.shape[1])
            planes.add_directions(packed.vectors, packed.places + first)
        self.changes += 1  # what was ranked in between lacks some

    @property
    def nbytes(self) -> int:
        """The bytes of all arrays; names of sessions and speakers are few, and not counted.

        What is kept for the next answers is not counted, either; see `Spare`.
        """
        ranked = self.columns.nbytes + self.neighbours.nbytes + self._terms.nbytes + self._ids.nbytes
        filtered = self.traits.nbytes + self.metadata.nbytes + self.keys.nbytes
        return ranked + filtered + sum(planes.nbytes for planes in self.planes.values())

    def next_expiry(self, now: int) -> int:
        """Return the first moment after `now` at which a memory expires, `NEVER` if none will."""
        if not self.mortal:
            return NEVER
        expires = self.columns.expires[self.columns.alive]
        return int(expires[expires > now].min(initial=NEVER))

    @property
    def languages(self) -> tuple[str, ...]:
        """The languages of the memories, in no order."""
        return tuple(LANGUAGES[number] for number, memories in self._in_language.items() if memories)

    @property
    def average_length(self) -> float:
        """The average number of distinct terms of a memory."""
        return self._total_length / max(1, self._count)

    def version_of(self, memory_id: str) -> int | None:
        """Return the version of a memory, None if there is none."""
        row = self.row_of(memory_id)
        return None if row is None else int(self.columns.version[row])

    def put(self, entry: Entry) -> bool:
        """Add a memory, or replace one of the same or an older version; return whether it was put.

        Raises:
            OverflowError: there is no room for another.
        """
        former = self.row_of(entry.id)
        if former is not None:
            if self.columns.version[former] > entry.version:
                return False
            self._drop(former)
        if len(self.columns) == MOST_ROWS:
            raise OverflowError(FULL)
        analysis = analyze(text_of(entry.content, entry.speaker))
        high, low = halves(entry.id)
        session = NO_SESSION if entry.session is None else self._session(entry.session)
        language = LANGUAGES.index(analysis.language)
        self.changes += 1
        row = self.columns.append(
            high=high,
            low=low,
            version=entry.version,
            first_version=entry.first_version,
            created=microseconds(entry.created_at),
            expires=expiry_of(entry.expires_at),
            content=fingerprint(entry.content),
            length=len(analysis.terms),
            session=session,
            speaker=self.speakers.number(said_by(entry.content, entry.speaker)),
            language=language,
            traits=self.traits.number(Traits.of(entry, entry.source)),
            written=written_of(entry.source),
        )
        self.metadata.append(entry.metadata)
        self.keys.append((entry.key or "").encode())
        self._ids.add((id_hash(high, low),), row)
        self._terms.add(map(hashed, analysis.terms), row)
        self._count += 1
        self.mortal += entry.expires_at is not None
        self._total_length += len(analysis.terms)
        self._in_language[language] += 1
        self.neighbours.add(row, session, self._sorting)
        self._add_vectors(entry, row)
        self._move_together_if_many_are_gone()
        return True

    def remove(self, memory_id: str) -> bool:
        """Remove a memory; return whether there was one."""
        row = self.row_of(memory_id)
        if row is None:
            return False
        self._drop(row)
        self._move_together_if_many_are_gone()
        return True

    def row_of(self, memory_id: str) -> int | None:
        """Return the row of a memory, None if there is none."""
        high, low = halves(memory_id)
        columns = self.columns
        for row in self._ids.rows_of((id_hash(high, low),))[0]:
            if columns.alive[row] and columns.high[row] == high and columns.low[row] == low:
                return int(row)
        return None

    def holders(self, terms: Sequence[Sequence[str]]) -> list[Rows]:
        """Return, for each list of terms, the live rows that hold at least one of them."""
        flat = [hashed(term) for one in terms for term in one]
        found = iter(self._terms.rows_of(flat))
        alive = self.columns.alive
        groups: list[Rows] = []
        for one in terms:
            parts = [rows for rows in islice(found, len(one)) if len(rows)]
            if len(parts) > 1:
                held = np.zeros(len(alive), np.bool_)  # a row that holds several of the terms counts once
                for rows in parts:
                    held[rows] = True
                groups.append(held.nonzero()[0])
            else:
                groups.append(parts[0] if parts else np.empty(0, np.int64))
        return groups if self._count == len(alive) else [rows[alive[rows]] for rows in groups]

    def terms_of(self, rows: Rows) -> NDArray[np.float32]:
        """Return which terms each row has, as float32[rows, terms] of zeros and ones; it takes a look at all terms."""
        hashes = self._terms.hashes_of(rows)
        known = np.unique(np.concatenate(hashes)) if hashes else np.empty(0, np.int64)
        terms = np.zeros((len(rows), len(known)), np.float32)
        for place, one in enumerate(hashes):
            terms[place, known.searchsorted(one)] = 1.0
        return terms

    def steps(self) -> tuple[NeighbourStep, NeighbourStep]:
        """Return which rows are neighbours, one and two steps apart."""
        return self.neighbours.steps(self.columns.created, self.columns.session, self._order)

    def _drop(self, row: int) -> None:
        self.changes += 1
        columns = self.columns
        columns.alive[row] = False
        self._count -= 1
        self.mortal -= bool(columns.expires[row] != NEVER)
        self._total_length -= int(columns.length[row])
        self._in_language[int(columns.language[row])] -= 1
        self.speakers.release(int(columns.speaker[row]))
        self.neighbours.remove(row, int(columns.session[row]))

    def _move_together_if_many_are_gone(self) -> None:
        if len(self.columns) - self._count <= max(_FEW_GONE, _MOST_GONE * len(self.columns)):
            return
        self.moves += 1
        kept = np.flatnonzero(self.columns.alive)
        numbers = np.full(len(self.columns), -1, np.int64)
        numbers[kept] = np.arange(len(kept))
        self.columns.keep(kept)
        self.metadata.keep(kept)
        self.keys.keep(kept)
        self.spare.fields.forget()
        self._terms.renumber(numbers)
        self._ids.renumber(numbers)
        for planes in self.planes.values():
            planes.renumber(numbers)
        self.neighbours.forget_order()

    def _add_vectors(self, entry: Entry, row: int) -> None:
        for model, vector in entry.vectors.items():
            self._planes_of(model, len(vector)).add_directions(np.asarray(vector, np.float32)[None], np.array([row]))

    def _planes_of(self, model: str, dims: int) -> VectorPlanes:
        if model not in self.planes:
            self.planes[model] = VectorPlanes(dims, self._expected)
        return self.planes[model]

    def _sorting(self, row: int) -> tuple[int, int, str]:
        columns = self.columns
        return int(columns.created[row]), int(columns.first_version[row]), columns.id_of(row)

    def _order(self) -> Rows:
        """Return the live rows by session, and in each as a list has them."""
        columns = self.columns
        later = np.diff(columns.created)
        if ((later > 0) | ((later == 0) & (np.diff(columns.first_version) > 0))).all():  # as a store sends them
            order: Rows = columns.session.argsort(kind="stable")
        else:
            order = np.lexsort((columns.low, columns.high, columns.first_version, columns.created, columns.session))
        return order[columns.alive[order]]

    def _session(self, name: str) -> int:
        return self._sessions.setdefault(name, len(self._sessions) + NO_SESSION + 1)
