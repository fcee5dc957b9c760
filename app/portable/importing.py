"""The import of an export: its memories are stored under their ids, or under new ones where those were deleted.

Superseded versions follow the memories that they are of, wherever these have gone.
"""

from collections import Counter
from collections.abc import Awaitable, Callable, Collection, Sequence
from datetime import datetime
from typing import TypeVar

from msgspec import Struct, field
from msgspec.structs import replace

from app.http.headers import stored_or_accepted
from app.http.moments import check_happened
from app.http.portable_schemas import ImportResult
from app.http.problems import Problem, problem_of
from app.portable.format import HeaderLine, Line, MemoryLine, TrailerLine, VersionLine
from app.portable.reading import LINE, check_readable, kind_of, lines_of, read_line
from providers.answers import Stored
from providers.base import MemoryProvider
from providers.batches import answer_all
from providers.errors import Conflict, InvalidInput, MemoryDeleted, OwnerErased, ProviderError, Unavailable
from providers.keys.writing import tidy
from providers.limits import MAX_BATCH, check_new_memory
from providers.owners import Owner
from providers.replica_limits import check_version_of_memory
from providers.source import IMPORTED, WriteSource
from providers.states.clock import keyed_memory_id
from providers.states.digests import digest_of
from providers.timing.turns import Turns
from providers.types import NewMemory, Snapshot

MAX_IMPORT_LINES = 10_000  # of one request
MAX_IMPORT_NAME_CHARS = 64
# New ids that are tried for one memory, each after the one before was deleted, too.
MAX_NEW_IDS = 16
# Of lines that are decoded at a time: JSON takes up to 30 times of its memory as values.
SLICE_BYTES = 2 * 1024 * 1024

_TIDIED_AT_ONCE = 4  # keys

_AS_THEY_ARE = {*MemoryLine.__struct_fields__} & {*NewMemory.__struct_fields__} - {"first_version", "source"}
_SOURCE = WriteSource(origin=IMPORTED)  # whoever wrote it elsewhere: nobody here can tell whether that is true
_IN_QUARANTINE = "must not be there: this was in quarantine; take the field out to import it all the same"
_OF_VERSION = {*VersionLine.__struct_fields__} & {*Snapshot.__struct_fields__} - {"version", "source"}
_SCOPE = "import"  # of derived ids, so that no other ones are made of the same parts
_COUNTED = ("memory", "version", "tombstone")  # the kinds of lines that a trailer counts


Given = NewMemory | Snapshot  # a memory to store, or a superseded version of one
Taken = Given | ImportResult  # of one line: what is to be stored, or the result that it has already
Outcome = tuple[Given, Stored | ProviderError | None]  # of one of them, under the id that it was given last

One = TypeVar("One", NewMemory, Snapshot)


class Import(Struct):
    """Store the memories of one request, for an owner, and then the versions that they have superseded.

    `name` is that of the import: the ids that replace those of deleted memories derive from it, so that a repeated
    import finds what it has stored, and one of another name stores anew.
    """

    provider: MemoryProvider
    owner: Owner
    now: datetime
    name: str = ""
    stored: list[Stored] = []
    _counts: Counter[str] = field(default_factory=Counter)  # of kinds, since the last header
    _trouble: Unavailable | None = None

    async def run(self, body: bytes) -> list[ImportResult]:
        """Return the result of each line, in order; one that fails leaves the others alone.

        Raises:
            InvalidInput: there are too many lines, or they are of a format that this service does not read.
            Unavailable: nothing could be stored at all.
        """
        check_lines(body)
        results: list[ImportResult] = []
        taken: list[tuple[int, Taken]] = []
        size, turns = 0, Turns()
        for number, text in lines_of(body):
            line = read_line(text)
            if isinstance(line, HeaderLine) and not results and not taken:
                check_readable(line)  # or else all that follows means something else
            self._counts[kind_of(text)] += 1
            taken.append((number, self._take(number, line)))
            size += len(text)
            await turns.take()
            if size >= SLICE_BYTES or len(taken) == MAX_BATCH:
                results += await self._results(taken)
                taken, size = [], 0
        return results + await self._results(taken)

    def _take(self, number: int, line: Line | Problem) -> Taken:
        if isinstance(line, Problem):
            return ImportResult(line=number, status="failed", problem=line)
        try:
            if isinstance(line, MemoryLine):
                return self._memory(line)
            return self._version(line) if isinstance(line, VersionLine) else self._other(number, line)
        except InvalidInput as error:
            return ImportResult(line=number, status="failed", problem=problem_of(error))

    def _memory(self, line: MemoryLine) -> NewMemory:
        self._check(line)
        fields = {name: getattr(line, name) for name in _AS_THEY_ARE}
        first_version = line.first_version or None
        memory = NewMemory(owner=self.owner, memory_id=line.id, first_version=first_version, source=_SOURCE, **fields)
        return check_new_memory(memory)

    def _version(self, line: VersionLine) -> Snapshot:
        self._check(line)
        fields = {name: getattr(line, name) for name in _OF_VERSION}
        digest = digest_of(line.content, line.metadata)
        version = int(line.version)
        return check_version_of_memory(
            Snapshot(user_id=self.owner.key, version=version, digest=digest, source=_SOURCE, **fields)
        )

    def _check(self, line: MemoryLine | VersionLine) -> None:
        if line.quarantine is not None:
            raise InvalidInput("quarantine", _IN_QUARANTINE)
        check_happened(line.created_at, self.now)

    def _other(self, number: int, line: Line) -> ImportResult:
        if isinstance(line, HeaderLine):
            check_readable(line)
            self._counts.clear()
        elif isinstance(line, TrailerLine):
            self._check_counts(line)
        return ImportResult(line=number, status="skipped")

    def _check_counts(self, trailer: TrailerLine) -> None:
        found = [self._counts[kind] for kind in _COUNTED]
        said = [trailer.memories, trailer.versions, trailer.tombstones]
        if found != said:
            counted = "{} memories, {} versions and {} tombstones, and there are {}, {} and {}".format(*said, *found)
            raise InvalidInput(LINE, f"counts {counted}: lines are missing, or were added")

    async def _results(self, taken: Sequence[tuple[int, Taken]]) -> list[ImportResult]:
        """Store the memories of some lines, then the versions; return the results of all of them.

        Raises:
            Unavailable: nothing could be stored, neither now nor before.
        """
        memories = [one for _, one in taken if isinstance(one, NewMemory)]
        versions = [one for _, one in taken if isinstance(one, Snapshot)]
        of_memories = iter(await self._outcomes(memories, self._store))
        of_versions = iter(await self._outcomes(versions, self._keep))
        return [
            one
            if isinstance(one, ImportResult)
            else _result(number, one, *next(of_versions if isinstance(one, Snapshot) else of_memories))
            for number, one in taken
        ]

    async def _outcomes(
        self, some: Sequence[One], store: Callable[[Sequence[One]], Awaitable[list[Outcome]]]
    ) -> list[Outcome]:
        if self._trouble is None and some:
            try:
                return await store(some)
            except Unavailable as error:
                if not self.stored:
                    raise
                self._trouble = error  # each slice would wait as long again
        return [(one, self._trouble) for one in some if self._trouble is not None]

    async def _store(self, memories: Sequence[NewMemory]) -> list[Outcome]:
        """Store memories, each under the first of its ids that was not deleted."""

        def under(memory: NewMemory, memory_id: str) -> NewMemory:
            return replace(memory, memory_id=memory_id)

        outcomes = await self._under_ids(memories, self.provider.store_many, under)
        stored = [memory for memory, outcome in outcomes if isinstance(outcome, Stored)]
        await self._tidy({memory.key for memory in stored if memory.key})
        return outcomes

    async def _keep(self, versions: Sequence[Snapshot]) -> list[Outcome]:
        """Add versions to histories, each to that of the memory which its own memory has become."""

        def under(version: Snapshot, memory_id: str) -> Snapshot:
            return replace(version, id=memory_id)

        return await self._under_ids(versions, self.provider.keep_versions, under)

    async def _under_ids(
        self,
        some: Sequence[One],
        store: Callable[[Sequence[One]], Awaitable[Sequence[Stored | ProviderError | None]]],
        under: Callable[[One, str], One],
    ) -> list[Outcome]:
        outcomes: list[Outcome] = list(zip(some, await store(some), strict=True))
        for times in range(1, MAX_NEW_IDS + 1):
            gone = [place for place, (_, outcome) in enumerate(outcomes) if isinstance(outcome, MemoryDeleted)]
            if not gone:
                break
            renamed = [under(some[place], self._new_id(some[place], times)) for place in gone]
            for place, outcome in zip(gone, zip(renamed, await store(renamed), strict=True), strict=True):
                outcomes[place] = outcome
        self.stored += [outcome for _, outcome in outcomes if isinstance(outcome, Stored)]
        return outcomes

    async def _tidy(self, keys: Collection[str]) -> None:
        """Leave one memory under each key that was imported, the newest: there may have been others already."""
        await answer_all(sorted(keys), lambda key: tidy(self.provider, self.owner, key), _TIDIED_AT_ONCE)

    def _new_id(self, one: Given, times: int) -> str:
        return keyed_memory_id(_SCOPE, self.owner.key, self.name, _id_of(one), str(times))


def count_lines(body: bytes) -> int:
    """Return how many lines a body has."""
    return body.count(b"\n") + (not body.endswith(b"\n"))


def check_lines(body: bytes) -> None:
    """Refuse a body of more lines than one request may have; raise `InvalidInput`."""
    lines = count_lines(body)
    if lines > MAX_IMPORT_LINES:
        raise InvalidInput("body", f"must hold at most {MAX_IMPORT_LINES} lines, got {lines}: send it in several parts")


def _id_of(one: Given) -> str:
    return one.id if isinstance(one, Snapshot) else str(one.memory_id)


def _result(number: int, given: Given, stored: Given, outcome: Stored | ProviderError | None) -> ImportResult:
    former_id = _id_of(given) if _id_of(stored) != _id_of(given) else None
    version = str(given.version) if isinstance(given, Snapshot) else None
    result = ImportResult(line=number, status="skipped", former_id=former_id, version=version)
    if outcome is None or (isinstance(given, Snapshot) and isinstance(outcome, OwnerErased)):
        return result
    if isinstance(outcome, Stored):
        return replace(result, status="kept" if outcome.found else stored_or_accepted(outcome), memory_id=outcome.id)
    if isinstance(outcome, Conflict):
        return replace(result, status="kept", memory_id=_id_of(stored))
    if isinstance(outcome, MemoryDeleted):
        reason = f"was deleted, and so were {MAX_NEW_IDS} ids after it: import it under another name"
        outcome = InvalidInput("id", reason)
    return replace(result, status="failed", former_id=_id_of(given), problem=problem_of(outcome))
