"""`ninai export`: the memories of a user out of a running service, into a file."""

from collections.abc import Callable
from pathlib import Path

import click
import msgspec
from msgspec import Struct

from app.cli import options, transfer
from app.cli.export_file import STDOUT, ExportedSoFar, ExportFile, trailer_of
from app.cli.service_client import NoAnswer, RefusedByService, RunningService
from app.cli.service_options import of_memories, service_at
from app.cli.tables import show
from app.http.problems import Problem
from app.http.schemas import ListResponse
from app.portable.format import CheckpointLine, FailureLine, HeaderLine, TrailerLine, encode
from app.portable.reading import read_line
from observability.counted import counted
from providers.labels import LABELS
from providers.source import ORIGINS

_CURSOR_LOST = 409


class ExportReport(Struct, frozen=True):
    """What an export has written; `degraded` says why memories may be missing."""

    user_id: str | None
    memories: int
    versions: int
    tombstones: int
    degraded: list[str]
    file: str


def _conditions(command: Callable[..., None]) -> Callable[..., None]:
    for name in reversed(LABELS):
        command = click.option(f"--{name}", help=f"Only memories of this {name}.")(command)
    command = click.option("--source-key", help="Only memories that this key has written last.")(command)
    command = click.option("--source-caller", help="Only memories that this caller has written last.")(command)
    command = click.option("--origin", type=click.Choice(ORIGINS), help="Only memories of this origin.")(command)
    command = click.option("--where", metavar="JSON", help="Only memories whose metadata meet this condition.")(command)
    command = click.option("--created-from", metavar="MOMENT", help="Only memories from this moment on.")(command)
    return click.option("--created-before", metavar="MOMENT", help="Only memories before this moment.")(command)


@click.command()
@of_memories
@transfer.user
@click.option(
    "--output",
    "-o",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=STDOUT,
    show_default=True,
    help="The file to write; `-` is standard output.",
)
@_conditions
@options.as_json
def export(
    *, url: str, key_file: Path | None, user: str | None, output: Path, as_json: bool, **conditions: str | None
) -> None:
    """Write the memories of a user to a file, as lines of JSON.

    The export is written to FILE.part first. If it is broken off, the same command goes on where it stopped.
    """
    service = service_at(url, key_file)
    file = ExportFile(output)
    try:
        report = _Exporting(service, file, {"user_id": user, **conditions}).run()
    finally:
        file.close()
    file.complete()
    if report.degraded:
        click.echo(f"memories may be missing: {', '.join(report.degraded)}", err=True)
    if file.resumable:
        show(report, _in_words, as_json=as_json)


class _Exporting:
    """One export, in as many requests as it takes."""

    def __init__(self, service: RunningService, file: ExportFile, asked: dict[str, str | None]) -> None:
        self._service, self._file, self._asked = service, file, asked
        self._degraded: list[str] = []

    def run(self) -> ExportReport:
        """Write everything; raise `click.ClickException` if it cannot be done now."""
        if self._file.written.after is not None:
            click.echo(f"going on behind {counted(self._file.written.memories, 'memory', 'memories')}", err=True)
        failures = 0
        with transfer.bar("exporting", self._total()) as advance:
            advance(self._file.written.memories)
            while True:
                before = self._file.written.after
                try:
                    return self._once(advance)
                except click.ClickException as error:
                    if self._has_lost_its_place(error):
                        self._file.start_again()
                    elif not transfer.is_for_later(error):
                        raise
                    failures = 1 if self._file.written.after != before else failures + 1
                    if failures == transfer.TRIES:
                        raise
                    transfer.pause(error, failures)

    def _has_lost_its_place(self, error: click.ClickException) -> bool:
        """Return whether the export has to begin again: the provider that it came from is not there any more."""
        lost = isinstance(error, RefusedByService) and error.status == _CURSOR_LOST
        return lost and self._file.resumable and self._file.written.after is not None

    def _once(self, advance: transfer.Advance) -> ExportReport:
        done = self._file.written
        path = transfer.path_for("/memory/export", **self._asked, after=done.after)
        found, kept = msgspec.structs.replace(done), bytearray()
        with self._service.opened(path, "GET", seconds=transfer.PART_SECONDS) as answer:
            for text in answer:
                line = read_line(text)
                if isinstance(line, HeaderLine):
                    self._meet(line, found)
                    kept += encode(line) if done.header is None else b""
                elif isinstance(line, CheckpointLine):
                    found.after = line.after
                    kept += text
                    advance(found.memories - self._file.written.memories)
                    self._file.commit(bytes(kept), msgspec.structs.replace(found))
                    kept.clear()
                elif isinstance(line, TrailerLine):
                    return self._end(bytes(kept), found, line, advance)
                elif isinstance(line, FailureLine):
                    raise NoAnswer(line.problem.detail)
                else:
                    if not isinstance(line, Problem):  # which a newer service may write, or the end of a cut line is
                        found.count(line)
                    kept += text
        raise NoAnswer("the export was cut off")

    def _meet(self, header: HeaderLine, found: ExportedSoFar) -> None:
        known = found.header
        if known is not None and (known.user_id, known.tenant) != (header.user_id, header.tenant):
            raise click.ClickException(
                f"{self._file.path}.part has memories of {known.user_id}, and not of {header.user_id}: remove it first"
            )
        found.header = known or header

    def _end(self, kept: bytes, found: ExportedSoFar, trailer: TrailerLine, advance: transfer.Advance) -> ExportReport:
        advance(found.memories - self._file.written.memories)
        self._file.commit(kept + trailer_of(found, trailer.degraded), found)
        user = None if found.header is None else found.header.user_id
        counts = (found.memories, found.versions, found.tombstones)
        return ExportReport(user, *counts, trailer.degraded, str(self._file.path))

    def _total(self) -> int | None:
        """Return how many memories there are, None if the key may not know; only a bar needs it."""
        try:
            path = transfer.path_for("/memory/memories", **self._asked, limit="1", total="true")
            total = self._service.get(path, ListResponse).total
        except click.ClickException:
            return None
        return total if isinstance(total, int) else None


def _in_words(report: ExportReport) -> str:
    """Say what was written."""
    former = f", {counted(report.versions, 'former version', 'former versions')} of them" if report.versions else ""
    deleted = f", and {counted(report.tombstones, 'that was', 'that were')} deleted" if report.tombstones else ""
    return f"{counted(report.memories, 'memory', 'memories')} of {report.user_id}{former}{deleted}, in {report.file}"
