"""The file that an export is written to: complete up to its last checkpoint, wherever the export was broken off."""

import sys
from pathlib import Path
from typing import IO

import click
import msgspec
from msgspec import Struct

from app.portable.format import (
    CheckpointLine,
    HeaderLine,
    Line,
    MemoryLine,
    TombstoneLine,
    TrailerLine,
    VersionLine,
    encode,
)
from app.portable.reading import read_line

STDOUT = Path("-")


class ExportedSoFar(Struct):
    """What a file holds up to its last checkpoint: `size` bytes, and `after` is where the export goes on."""

    header: HeaderLine | None = None
    after: str | None = None
    memories: int = 0
    versions: int = 0
    tombstones: int = 0
    size: int = 0

    def count(self, line: Line) -> None:
        """Count a line."""
        self.memories += isinstance(line, MemoryLine)
        self.versions += isinstance(line, VersionLine)
        self.tombstones += isinstance(line, TombstoneLine)


class ExportFile:
    """Write an export beside its file, and put it in its place when it is complete; `-` is standard output."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self._part = path.with_name(f"{path.name}.part")
        self.written = ExportedSoFar()
        self._file: IO[bytes] = self._opened()

    @property
    def resumable(self) -> bool:
        """Whether what was written can be taken back."""
        return self.path != STDOUT

    def start_again(self) -> None:
        """Forget what was written."""
        self.written = ExportedSoFar()
        self._file.seek(0)
        self._file.truncate()

    def commit(self, lines: bytes, written: ExportedSoFar) -> None:
        """Write the lines up to a checkpoint; `written` is what the file holds then."""
        try:
            self._file.write(lines)
            self._file.flush()
        except OSError as error:
            raise click.FileError(str(self.path), str(error)) from error
        self.written = written

    def complete(self) -> None:
        """Put the file in its place."""
        if self.resumable:
            self._file.close()
            self._part.replace(self.path)

    def close(self) -> None:
        """Leave the file as it is, to go on another time."""
        if self.resumable:
            self._file.close()

    def _opened(self) -> IO[bytes]:
        if not self.resumable:
            return sys.stdout.buffer
        try:
            file = self._part.open("r+b" if self._part.exists() else "w+b")
        except OSError as error:
            raise click.FileError(str(self._part), error.strerror or str(error)) from error
        self.written = _found_in(file)
        file.seek(self.written.size)
        file.truncate()
        return file


def _found_in(file: IO[bytes]) -> ExportedSoFar:
    """Return what a file holds up to its last checkpoint."""
    found, last, size = ExportedSoFar(), ExportedSoFar(), 0
    for text in file:
        line = read_line(text)
        size += len(text)
        if isinstance(line, HeaderLine):
            found.header = line
        elif isinstance(line, CheckpointLine) and text.endswith(b"\n"):
            found.after, found.size = line.after, size
            last = msgspec.structs.replace(found)
        elif isinstance(line, MemoryLine | VersionLine | TombstoneLine):
            found.count(line)
        else:
            break
    return last


def trailer_of(written: ExportedSoFar, degraded: list[str]) -> bytes:
    """Return the last line of a whole file, which counts what all parts of the export brought."""
    counts = {"memories": written.memories, "versions": written.versions, "tombstones": written.tombstones}
    return encode(TrailerLine(kind="trailer", **counts, degraded=degraded))
