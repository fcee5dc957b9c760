"""Verification of audit files: that nothing was changed, taken out, added or cut off since it was written."""

import json
from collections.abc import Iterable, Iterator
from pathlib import Path

from msgspec import Struct

from app.audit.chain import NOTHING, BrokenLine, follows, read_line
from app.audit.entries import AuditEntry, ChainEnd
from app.audit.files import AuditFile, files_in
from observability.counted import counted

HEAD_EVENT = "audit_head"
_WITH_HEADS = b'"heads":['


class AuditFault(Struct, frozen=True):
    """Describe what is wrong, and where; `line` counts from 1, 0 for a file or a chain as a whole."""

    file: str
    line: int
    detail: str


class Verification(Struct, frozen=True, kw_only=True):
    """Hold the result of a verification; `heads` is how many notes of where a chain ended were compared."""

    files: int
    chains: int
    entries: int
    lost: int
    heads: int
    faults: list[AuditFault]


def heads_in_log(path: Path) -> Iterator[ChainEnd]:
    """Yield the heads of chains that a log of JSON lines has; raise `OSError` if it cannot be read."""
    with path.open("rb") as log:
        for line in log:
            if HEAD_EVENT.encode() in line:
                try:
                    event = json.loads(line)
                    head = ChainEnd(event["chain"], event["seq"], event["hash"], event["file"])
                except (ValueError, KeyError, TypeError):
                    continue
                if event.get("event") == HEAD_EVENT:
                    yield head


def verify(folder: Path, known: Iterable[ChainEnd] = ()) -> Verification:
    """Verify all files of a folder, and compare their chains with what other files and `known` say of their ends.

    Raises:
        OSError: a file cannot be read.
    """
    files = files_in(folder)
    faults: list[AuditFault] = []
    heads, removed = list(known), list[ChainEnd]()
    for entry in _noting(files):
        (removed if entry.kind == "removed" else heads).extend(entry.heads)
    wanted: dict[str, set[int]] = {}
    for head in heads:
        wanted.setdefault(head.chain, set()).add(head.seq)
    chains = sorted({file.chain for file in files})
    walks = {chain: _ChainWalk(wanted.get(chain, set())) for chain in chains}
    gone = {chain: max(heads_, key=lambda head: head.seq) for chain, heads_ in _by_chain(removed).items()}
    for file in files:
        walks[file.chain].through(file, gone.get(file.chain), faults)
    for head in _once(heads):
        faults += _compared(head, walks.get(head.chain), gone.get(head.chain))
    return Verification(
        files=len(files),
        chains=len(chains),
        entries=sum(walk.entries for walk in walks.values()),
        lost=sum(walk.lost for walk in walks.values()),
        heads=len(_once(heads)),
        faults=faults,
    )


class _ChainWalk:
    """Walk through the files of one chain, in their order; `wanted` are the entries whose hashes are asked for."""

    def __init__(self, wanted: set[int]) -> None:
        self._wanted, self._hash = wanted, NOTHING
        self.seq = self.entries = self.lost = 0
        self.hashes: dict[int, str] = {}

    def through(self, file: AuditFile, gone: ChainEnd | None, faults: list[AuditFault]) -> None:
        """Read one file, and add what is wrong with it."""
        number = 0
        with file.path.open("rb") as lines:
            for number, line in enumerate(lines, 1):
                if (detail := self._next(line, gone)) is not None:
                    faults.append(AuditFault(file.path.name, number, detail))
        if not number:
            faults.append(AuditFault(file.path.name, 0, "is empty: it was cut"))

    def _next(self, line: bytes, gone: ChainEnd | None) -> str | None:
        try:
            entry, body, stated = read_line(line)
        except BrokenLine as error:
            return f"{error}: it was cut or changed"
        if self.seq == 0 and entry.seq > 1 and gone is not None and entry.seq == gone.seq + 1:
            self.seq, self._hash = gone.seq, gone.hash  # what came before was removed, as is written elsewhere
        missing, before = entry.seq - self.seq - 1, self._hash
        self.seq, self._hash = entry.seq, stated
        self.entries += 1
        self.lost += entry.lost
        if entry.seq in self._wanted:
            self.hashes[entry.seq] = stated
        if missing:
            return f"entry {entry.seq} does not follow the one before: entries are missing or were added"
        return None if follows(body, before, stated) else f"entry {entry.seq} was changed, or one before it"


def _noting(files: Iterable[AuditFile]) -> Iterator[AuditEntry]:
    """Yield the entries that say where chains ended."""
    for file in files:
        with file.path.open("rb") as lines:
            for line in lines:
                if _WITH_HEADS in line:
                    try:
                        yield read_line(line)[0]
                    except BrokenLine:
                        continue  # found again by the walk


def _compared(head: ChainEnd, walk: _ChainWalk | None, gone: ChainEnd | None) -> Iterator[AuditFault]:
    if gone is not None and head.seq <= gone.seq:
        return
    if walk is None:
        yield AuditFault(
            head.file, 0, f"the chain {head.chain} is missing: it had {counted(head.seq, 'entry', 'entries')}"
        )
    elif walk.seq < head.seq:
        yield AuditFault(head.file, 0, f"the end was cut off: entry {head.seq} is known, {walk.seq} is the last one")
    elif walk.hashes.get(head.seq) != head.hash:
        yield AuditFault(head.file, 0, f"entry {head.seq} is another one than was known")


def _by_chain(heads: Iterable[ChainEnd]) -> dict[str, list[ChainEnd]]:
    found: dict[str, list[ChainEnd]] = {}
    for head in heads:
        found.setdefault(head.chain, []).append(head)
    return found


def _once(heads: Iterable[ChainEnd]) -> list[ChainEnd]:
    return list(dict.fromkeys(heads))
