"""The memories in a file, whatever wrote it, as lines that an import takes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import IO

import click
from msgspec import Struct

from app.portable.converters.building import Converted
from app.portable.converters.mapping import FieldMapping
from app.portable.converters.records import NotReadable
from app.portable.converters.sources import Source, converted
from app.portable.format import CheckpointLine, FailureLine, HeaderLine, TombstoneLine, TrailerLine, encode
from app.portable.reading import check_readable, kind_of, read_line
from observability.counted import counted
from providers.errors import InvalidInput

STDIN = Path("-")
_MOST_NAMED = 5  # users in an error


class SourceLine(Struct, frozen=True):
    """One memory as a line, or the reason why it is none; `number` is that of the line or record in the file."""

    number: int
    text: bytes = b""
    fault: str | None = None


class Incomplete(Struct, frozen=True):
    """Say why a file is not the whole of an export."""

    reason: str


@contextmanager
def opened(path: Path) -> Iterator[IO[bytes]]:
    """Yield a file, or standard input for `-`; raise `click.FileError` if it cannot be read."""
    if path == STDIN:
        yield sys.stdin.buffer
        return
    try:
        file = path.open("rb")
    except OSError as error:
        raise click.FileError(str(path), error.strerror or str(error)) from error
    with file:
        yield file


def own_lines(file: IO[bytes]) -> Iterator[SourceLine | Incomplete]:
    """Yield the memories of an export of ours, and at the end what is missing of it.

    Raises:
        click.ClickException: it is of a format that this version does not read.
    """
    memories = versions = tombstones = 0
    ended = False
    number = 0
    for number, text in enumerate(file, 1):
        line = read_line(text)
        if isinstance(line, HeaderLine):
            try:
                check_readable(line)
            except InvalidInput as error:
                raise click.ClickException(f"line {number}: {error}") from error
            memories = versions = tombstones = 0
            ended = False
        elif isinstance(line, TombstoneLine):
            tombstones += 1
        elif isinstance(line, TrailerLine):
            ended = True
            if (memories, versions, tombstones) != (line.memories, line.versions, line.tombstones):
                known = counted(line.memories, "memory", "memories")
                said = f"{known} and {counted(line.versions, 'version', 'versions')}"
                yield Incomplete(f"line {number} counts {said}, and there are {memories} and {versions}")
        elif isinstance(line, FailureLine):
            yield Incomplete(f"it ends with a failure: {line.problem.detail}")
        elif text.strip() and not isinstance(line, CheckpointLine):
            # Whatever it is, the service says what is wrong with it.
            is_version = kind_of(text) == "version"
            versions, memories = versions + is_version, memories + (not is_version)
            yield SourceLine(number, text.strip())
    if not ended:
        yield Incomplete("it has no trailer, so that its end is missing" if number else "it is empty")


def foreign_lines(source: Source, text: bytes, mapped: FieldMapping, user: str | None) -> Iterator[SourceLine]:
    """Yield the memories of somebody else's file: those of the user, if it says whose they are.

    Raises:
        click.ClickException: it is not of the form of its source; or has memories of several users, and none is named.
    """
    try:
        found = list(converted(source, text, mapped, datetime.now(UTC)))
    except NotReadable as error:
        raise click.ClickException(f"the file cannot be read as {source}: {error}") from error
    users = {one.user for _, one in found if isinstance(one, Converted) and one.user is not None}
    if user is None and len(users) > 1:
        named = ", ".join(sorted(users)[:_MOST_NAMED])
        raise click.UsageError(f"the file has memories of {len(users)} users ({named}): name one with --user")
    for number, one in found:
        if isinstance(one, str):
            yield SourceLine(number, fault=one)
        elif one.user in {None, user} or user is None:
            yield SourceLine(number, encode(one.line).strip())
