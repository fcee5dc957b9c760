"""The files of an audit in their folder: whose chain each belongs to, where it ends, and which have to go."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from app.audit.chain import BrokenLine, read_line
from app.audit.entries import ChainEnd

# Longer than any line: an entry names 200 memories at most.
_TAIL_BYTES = 256 * 1024
# Of chains whose heads an entry repeats; each start of a process begins one.
MOST_CHAINS = 100
_NAME = re.compile(r"audit-([0-9]{8}T[0-9]{6}-[0-9]+-[0-9a-f]{8})-([0-9]{6})\.jsonl")


class AuditFile(Struct, frozen=True):
    """Describe one file: the chain that it belongs to, and its number in it, from 1."""

    path: Path
    chain: str
    number: int


def path_of(folder: Path, chain: str, number: int) -> Path:
    """Return the path of a file."""
    return folder / f"audit-{chain}-{number:06}.jsonl"


def files_in(folder: Path) -> list[AuditFile]:
    """Return all files, ordered by chain and number; none where there is no folder."""
    named = ((path, _NAME.fullmatch(path.name)) for path in (folder.iterdir() if folder.is_dir() else ()))
    found = [AuditFile(path, name[1], int(name[2])) for path, name in named if name is not None]
    return sorted(found, key=lambda file: (file.chain, file.number))


def head_of(file: AuditFile) -> ChainEnd | None:
    """Return the last whole entry of a file, None if it has none or cannot be read."""
    try:
        with file.path.open("rb") as opened:
            opened.seek(max(0, opened.seek(0, os.SEEK_END) - _TAIL_BYTES))
            lines = opened.read().splitlines(keepends=True)
    except OSError:
        return None
    for line in reversed(lines):
        try:
            entry, _, hashed = read_line(line)
        except BrokenLine:
            continue
        return ChainEnd(file.chain, entry.seq, hashed, file.path.name)
    return None


def heads_of_others(folder: Path, own: str) -> list[ChainEnd]:
    """Return where every other chain ends, of the newest chains."""
    last = {file.chain: file for file in files_in(folder) if file.chain != own}
    newest = [last[chain] for chain in sorted(last)[-MOST_CHAINS:]]
    return [head for file in newest if (head := head_of(file)) is not None]


def remove_oldest(folder: Path, most_bytes: int, own: str) -> Iterator[ChainEnd]:
    """Remove the files that were written longest ago, until all are within a bound; yield where each one ended.

    The file that this process writes stays, and so does one that cannot be read: it is looked at first.
    """
    sizes = [(status.st_mtime_ns, status.st_size, file) for file in files_in(folder) if (status := _status(file.path))]
    total = sum(size for _, size, _ in sizes)
    newest = max((file.number for _, _, file in sizes if file.chain == own), default=0)
    for _, size, file in sorted(sizes, key=lambda one: (one[0], one[2].chain, one[2].number)):
        if total <= most_bytes:
            return
        if (file.chain, file.number) == (own, newest) or (head := head_of(file)) is None:
            continue
        try:
            file.path.unlink()
        except OSError:  # another process was faster, or may remove it
            continue
        total -= size
        yield head


def _status(path: Path) -> os.stat_result | None:
    try:
        return path.stat()
    except OSError:
        return None
