"""Writing one process's chain of entries: file after file, whole lines, on disk within a second."""

import os
from collections.abc import Iterable
from pathlib import Path
from secrets import token_hex
from time import gmtime, strftime

from msgspec import structs

from app.audit.chain import NOTHING, line_of
from app.audit.entries import AuditEntry, ChainEnd
from app.audit.files import heads_of_others, path_of, remove_oldest
from app.audit.requests import moment
from app.auth.kept_file import give_to_owner

MB = 1024 * 1024


class AuditWriter:
    """Append entries to the chain of this process; `began` is its start in seconds since 1970.

    What cannot be written leaves nothing behind: the chain goes on where it was. Not to be used by two threads.
    """

    def __init__(self, folder: Path, file_mb: int, total_mb: int, began: float) -> None:
        self._folder, self._most_bytes, self._total_bytes = folder, file_mb * MB, total_mb * MB
        self.chain = f"{strftime('%Y%m%dT%H%M%S', gmtime(began))}-{os.getpid()}-{token_hex(4)}"
        self._seq, self._hash, self._number = 0, NOTHING, 0
        self._descriptor: int | None = None
        self._size = 0
        self._noted: dict[str, int] = {}

    @property
    def head(self) -> ChainEnd:
        """The last entry."""
        return ChainEnd(self.chain, self._seq, self._hash, path_of(self._folder, self.chain, self._number).name)

    @property
    def was_cut(self) -> bool:
        """Whether somebody else has shortened, replaced or removed the file, or written into it."""
        if self._descriptor is None:
            return False
        path = path_of(self._folder, self.chain, self._number)
        try:
            there, own = path.stat(), os.fstat(self._descriptor)
        except OSError:
            return True
        return there.st_ino != own.st_ino or there.st_size != self._size

    def append(self, entries: Iterable[AuditEntry], now: float) -> list[bytes]:
        """Append entries, and return every line that was written; raise `OSError` if none of them could be written."""
        full = self._descriptor is None or self._size >= self._most_bytes
        return [*(self._begin_file(now) if full else ()), *self._write(entries)]

    def append_heads(self, now: float) -> list[bytes]:
        """Append where other chains end that have moved since, and return the lines; raise `OSError` as `append`."""
        moved = [head for head in heads_of_others(self._folder, self.chain) if self._noted.get(head.chain) != head.seq]
        if not moved:
            return []
        lines = self.append([AuditEntry(seq=0, at=moment(now), kind="heads", heads=moved)], now)
        self._noted.update((head.chain, head.seq) for head in moved)
        return lines

    def sync(self) -> None:
        """Have everything on disk; raise `OSError` if that fails."""
        if self._descriptor is not None:
            os.fdatasync(self._descriptor)

    def close(self) -> None:
        """Close the file; the next entry begins another one."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def _begin_file(self, now: float) -> list[bytes]:
        self.close()
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        heads = heads_of_others(self._folder, self.chain)
        if self._seq:
            heads.append(self.head)
        self._number += 1
        path = path_of(self._folder, self.chain, self._number)
        self._descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_APPEND, 0o600)
        give_to_owner(self._descriptor, self._folder)
        self._size = 0
        lines = self._write([AuditEntry(seq=0, at=moment(now), kind="begin", chain=self.chain, heads=heads)])
        self._noted.update((head.chain, head.seq) for head in heads)
        removed = list(remove_oldest(self._folder, self._total_bytes - self._most_bytes, self.chain))
        if removed:
            lines += self._write([AuditEntry(seq=0, at=moment(now), kind="removed", heads=removed)])
        return lines

    def _write(self, entries: Iterable[AuditEntry]) -> list[bytes]:
        seq, hashed, lines = self._seq, self._hash, []
        for entry in entries:
            seq += 1
            line, hashed = line_of(structs.replace(entry, seq=seq), hashed)
            lines.append(line)
        content = b"".join(lines)
        self._write_whole(content)
        self._seq, self._hash, self._size = seq, hashed, self._size + len(content)
        return lines

    def _write_whole(self, content: bytes) -> None:
        rest = content
        try:
            while rest:
                rest = rest[os.write(self._opened, rest) :]
        except OSError:
            os.ftruncate(self._opened, self._size)
            raise

    @property
    def _opened(self) -> int:
        if self._descriptor is None:
            raise RuntimeError("no file has been begun")
        return self._descriptor
