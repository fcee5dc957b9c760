"""The import of an export: its memories are stored under their ids, or under new ones where those were deleted."""

from collections.abc import Collection, Sequence
from datetime import datetime

from msgspec import Struct
from msgspec.structs import replace

from app.http.headers import stored_or_accepted
from app.http.moments import check_happened
from app.http.portable_schemas import ImportResult
from app.http.problems import Problem, problem_of
from app.portable.format import HeaderLine, Line, MemoryLine, TombstoneLine, TrailerLine
from app.portable.reading import LINE, check_readable, lines_of, read_line
from providers.answers import Stored
from providers.base import MemoryProvider
from providers.batches import answer_all
from providers.errors import Conflict, InvalidInput, MemoryDeleted, ProviderError, Unavailable
from providers.keys.writing import tidy
from providers.limits import MAX_BATCH, check_new_memory
from providers.owners import Owner
from providers.source import WriteSource
from providers.states.clock import keyed_memory_id
from providers.timing.turns import Turns
from providers.types import NewMemory

MAX_IMPORT_LINES = 10_000  # of one request
MAX_IMPORT_NAME_CHARS = 64
# New ids that are tried for one memory, each after the one before was deleted, too.
MAX_NEW_IDS = 16
# Of lines that are decoded at a time: JSON takes up to 30 times of its memory as values.
SLICE_BYTES = 2 * 1024 * 1024

_TIDIED_AT_ONCE = 4  # keys

_AS_THEY_ARE = {*MemoryLine.__struct_fields__} & {*NewMemory.__struct_fields__} - {"first_version", "source"}
_SOURCE = WriteSource(origin="import")  # whoever wrote it elsewhere: nobody here can tell whether that is true
_IN_QUARANTINE = "must not be there: this was in quarantine; take the field out to import it all the same"
_SCOPE = "import"  # of derived ids, so that no other ones are made of the same parts


Taken = NewMemory | ImportResult  # of one line: the memory to store, or the result that it has already
Outcome = tuple[NewMemory, Stored | ProviderError]  # of one memory, under the id that it was given last


class Import(Struct):
    """Store the memories of one request, for an owner.

    `name` is that of the import: the ids that replace those of deleted memories derive from it, so that a repeated
    import finds what it has stored, and one of another name stores anew.
    """

    provider: MemoryProvider
    owner: Owner
    now: datetime
    name: str = ""
    stored: list[Stored] = []
    _memories: int = 0  # since the last header, as its trailer counts them
    _tombstones: int = 0
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
            taken.append((number, self._take(number, line)))
            size += len(text)
            await turns.take()
            if size >= SLICE_BYTES or len(taken) == MAX_BATCH:
                results += await self._results(taken)
                taken, size = [], 0
        return results + await self._results(taken)

    def _take(self, number: int, line: Line | Problem) -> Taken:
        if isinstance(line, Problem):
            self._memories += 1  # which it was, most likely: a trailer that counts it is right
            return ImportResult(line=number, status="failed", problem=line)
        try:
            return self._memory(line) if isinstance(line, MemoryLine) else self._other(number, line)
        except InvalidInput as error:
            return ImportResult(line=number, status="failed", problem=problem_of(error))

    def _memory(self, line: MemoryLine) -> NewMemory:
        self._memories += 1
        if line.quarantine is not None:
            raise InvalidInput("quarantine", _IN_QUARANTINE)
        check_happened(line.created_at, self.now)
        fields = {name: getattr(line, name) for name in _AS_THEY_ARE}
        first_version = line.first_version or None
        memory = NewMemory(owner=self.owner, memory_id=line.id, first_version=first_version, source=_SOURCE, **fields)
        return check_new_memory(memory)

    def _other(self, number: int, line: Line) -> ImportResult:
        if isinstance(line, HeaderLine):
            check_readable(line)
            self._memories = self._tombstones = 0
        elif isinstance(line, TombstoneLine):
            self._tombstones += 1
        elif isinstance(line, TrailerLine):
            self._check_counts(line)
        return ImportResult(line=number, status="skipped")

    def _check_counts(self, trailer: TrailerLine) -> None:
        found, said = (self._memories, self._tombstones), (trailer.memories, trailer.tombstones)
        if found != said:
            counted = f"{said[0]} memories and {said[1]} tombstones, and there are {found[0]} and {found[1]}"
            raise InvalidInput(LINE, f"counts {counted}: lines are missing, or were added")

    async def _results(self, taken: Sequence[tuple[int, Taken]]) -> list[ImportResult]:
        """Store the memories of some lines, and return the results of all of them.

        Raises:
            Unavailable: nothing could be stored, neither now nor before.
        """
        memories = [one for _, one in taken if isinstance(one, NewMemory)]
        outcomes = iter(await self._outcomes(memories))
        return [
            one if isinstance(one, ImportResult) else _result(number, one, *next(outcomes)) for number, one in taken
        ]

    async def _outcomes(self, memories: Sequence[NewMemory]) -> list[Outcome]:
        if self._trouble is None and memories:
            try:
                return await self._store(memories)
            except Unavailable as error:
                if not self.stored:
                    raise
                self._trouble = error  # each slice would wait as long again
        return [(memory, self._trouble) for memory in memories if self._trouble is not None]

    async def _store(self, memories: Sequence[NewMemory]) -> list[Outcome]:
        """Store memories, each under the first of its ids that was not deleted."""
        outcomes = list(zip(memories, await self.provider.store_many(memories), strict=True))
        for times in range(1, MAX_NEW_IDS + 1):
            gone = [place for place, (_, outcome) in enumerate(outcomes) if isinstance(outcome, MemoryDeleted)]
            if not gone:
                break
            renamed = [replace(memories[place], memory_id=self._new_id(memories[place], times)) for place in gone]
            again = zip(renamed, await self.provider.store_many(renamed), strict=True)
            for place, outcome in zip(gone, again, strict=True):
                outcomes[place] = outcome
        self.stored += [outcome for _, outcome in outcomes if isinstance(outcome, Stored)]
        await self._tidy({memory.key for memory, outcome in outcomes if isinstance(outcome, Stored) and memory.key})
        return outcomes

    async def _tidy(self, keys: Collection[str]) -> None:
        """Leave one memory under each key that was imported, the newest: there may have been others already."""
        await answer_all(sorted(keys), lambda key: tidy(self.provider, self.owner, key), _TIDIED_AT_ONCE)

    def _new_id(self, memory: NewMemory, times: int) -> str:
        return keyed_memory_id(_SCOPE, self.owner.key, self.name, str(memory.memory_id), str(times))


def count_lines(body: bytes) -> int:
    """Return how many lines a body has."""
    return body.count(b"\n") + (not body.endswith(b"\n"))


def check_lines(body: bytes) -> None:
    """Refuse a body of more lines than one request may have; raise `InvalidInput`."""
    lines = count_lines(body)
    if lines > MAX_IMPORT_LINES:
        raise InvalidInput("body", f"must hold at most {MAX_IMPORT_LINES} lines, got {lines}: send it in several parts")


def _result(number: int, given: NewMemory, stored: NewMemory, outcome: Stored | ProviderError) -> ImportResult:
    former_id = given.memory_id if stored.memory_id != given.memory_id else None
    if isinstance(outcome, Stored):
        return ImportResult(line=number, status=stored_or_accepted(outcome), memory_id=outcome.id, former_id=former_id)
    if isinstance(outcome, Conflict):
        return ImportResult(line=number, status="kept", memory_id=stored.memory_id, former_id=former_id)
    if isinstance(outcome, MemoryDeleted):
        reason = f"was deleted, and so were {MAX_NEW_IDS} ids after it: import it under another name"
        outcome = InvalidInput("id", reason)
    return ImportResult(line=number, status="failed", former_id=given.memory_id, problem=problem_of(outcome))
