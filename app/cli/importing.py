"""`ninai import`: the memories of a file into a running service."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Literal, get_args

import click
import msgspec
from msgspec import Struct

from app.cli import options, transfer
from app.cli.import_source import STDIN, Incomplete, SourceLine, foreign_lines, opened, own_lines
from app.cli.service_client import RunningService
from app.cli.service_options import of_memories, service_at
from app.cli.tables import show
from app.http.json.lines import MEDIA_TYPE
from app.http.portable_schemas import ImportResponse, ImportResult
from app.portable.converters.mapping import FieldMapping, WrongMapping
from app.portable.converters.sources import Source
from app.portable.importing import MAX_IMPORT_NAME_CHARS
from observability.counted import counted

PART_LINES = 1_000
PART_BYTES = 4 * 1024 * 1024
EXIT_FAILED = 1

_OWN: Literal["ninai"] = "ninai"
_MOST_FAULTS = 100  # in the report; the others are counted


class LineFault(Struct, frozen=True):
    """A line that was not stored, or a record, and why."""

    line: int
    reason: str


class ImportReport(Struct, kw_only=True):
    """What became of a file; `renamed` were stored under new ids, and `cut` says what is missing of an export.

    `versions` are former ones of memories; `left` were not stored, being there already, older than what is kept there,
    or newer than the memory.
    """

    stored: int = 0
    versions: int = 0
    left: int = 0
    renamed: int = 0
    kept: int = 0
    failed: int = 0
    cut: str | None = None
    faults: list[LineFault] = []

    def learn(self, lines: Iterable[SourceLine], answer: ImportResponse) -> None:
        """Count the results of some lines."""
        for line, result in zip(lines, answer.results, strict=True):
            if result.version is not None and result.status != "failed":
                self.versions += result.status in {"stored", "accepted"}
                self.left += result.status in {"kept", "skipped"}
                continue
            self.stored += result.status in {"stored", "accepted"}
            self.renamed += result.status in {"stored", "accepted"} and result.former_id is not None
            self.kept += result.status == "kept"
            if result.status in {"failed", "skipped"}:
                self.fail(line.number, _reason(result))

    def fail(self, number: int, reason: str) -> None:
        """Count a line that was not stored."""
        self.failed += 1
        if len(self.faults) < _MOST_FAULTS:
            self.faults.append(LineFault(number, reason))


def _mapping(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> FieldMapping:
    given: dict[str, str] = {}
    for one in value:
        field, equals, path = one.partition("=")
        if equals:
            given[field.strip()] = path.strip()
            continue
        try:
            given |= msgspec.json.decode(Path(one).read_bytes(), type=dict[str, str])
        except (OSError, msgspec.DecodeError) as error:
            raise click.BadParameter(
                f"{one!r} is neither FIELD=PATH nor a file of JSON with such fields: {error}"
            ) from error
    try:
        return FieldMapping.of(given)
    except WrongMapping as error:
        raise click.BadParameter(str(error)) from error


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, allow_dash=True))
@of_memories
@transfer.user
@click.option(
    "--from",
    "source",
    type=click.Choice([_OWN, *get_args(Source)]),
    default=_OWN,
    show_default=True,
    help="What has written the file.",
)
@click.option(
    "--mapping",
    "mapped",
    multiple=True,
    callback=_mapping,
    metavar="FIELD=PATH",
    help="Where JSON or CSV has a field of a memory, as content=body or metadata.topic=tags.topic; or a file of JSON.",
)
@click.option("--name", default="", help="The import's name, from which the new ids of deleted memories derive.")
@click.option("--from-line", type=click.IntRange(min=1), default=1, help="Go on with this line, or record.")
@options.as_json
def import_(  # noqa: PLR0913 - one for each option
    *,
    file: Path,
    url: str,
    key_file: Path | None,
    user: str | None,
    source: Source | Literal["ninai"],
    mapped: FieldMapping,
    name: str,
    from_line: int,
    as_json: bool,
) -> None:
    """Store the memories of FILE, which `ninai export` or something else has written; `-` is standard input.

    Nothing is deleted, and nothing stored twice: an import that was broken off can be repeated. Exit code 1 if a line
    was not stored, or if the file is not the whole of an export.
    """
    if len(name) > MAX_IMPORT_NAME_CHARS:
        raise click.BadParameter(f"use at most {MAX_IMPORT_NAME_CHARS} characters", param_hint="--name")
    path = transfer.path_for("/memory/import", user_id=user, name=name or None)
    with _lines_of(file, source, mapped, user) as (lines, length), transfer.bar("importing", length) as advance:
        report = _imported(service_at(url, key_file), path, lines, from_line, advance)
    for fault in report.faults:
        click.echo(f"line {fault.line}: {fault.reason}", err=True)
    if report.cut is not None:
        click.echo(f"the file is not the whole of an export: {report.cut}", err=True)
    show(report, _in_words, as_json=as_json)
    if report.failed or report.cut is not None:
        raise SystemExit(EXIT_FAILED)


@contextmanager
def _lines_of(
    file: Path, source: Source | Literal["ninai"], mapped: FieldMapping, user: str | None
) -> Iterator[tuple[Iterable[SourceLine | Incomplete], int | None]]:
    """Yield the lines of a file, and how many bytes or records they are, None if nobody knows."""
    with opened(file) as content:
        if source == _OWN:
            yield own_lines(content), None if file == STDIN else file.stat().st_size
        else:
            lines = list(foreign_lines(source, content.read(), mapped, user))
            yield lines, sum(len(line.text) + 1 for line in lines)


def _imported(
    service: RunningService,
    path: str,
    lines: Iterable[SourceLine | Incomplete],
    from_line: int,
    advance: transfer.Advance,
) -> ImportReport:
    """Send lines in parts, and return what became of them."""
    report, part, size = ImportReport(), list[SourceLine](), 0

    def send() -> None:
        nonlocal part, size
        if part:
            report.learn(part, _sent(service, path, part))
            advance(size)
        part, size = [], 0

    for line in lines:
        if isinstance(line, Incomplete):
            report.cut = line.reason
        elif line.number < from_line:
            advance(len(line.text) + 1)
        elif line.fault is not None:
            report.fail(line.number, line.fault)
        else:
            if part and size + len(line.text) > PART_BYTES:
                send()
            part.append(line)
            size += len(line.text) + 1
            if len(part) == PART_LINES:
                send()
    send()
    return report


def _sent(service: RunningService, path: str, part: list[SourceLine]) -> ImportResponse:
    body = b"\n".join(line.text for line in part)
    headers = {"Content-Type": MEDIA_TYPE}

    def ask() -> ImportResponse:
        with service.opened(
            path, "POST", body=body, headers=headers, accepted=(202,), seconds=transfer.PART_SECONDS
        ) as answer:
            return msgspec.json.decode(answer.read(), type=ImportResponse)

    try:
        return transfer.patiently(ask)
    except click.ClickException as error:
        said = f"stopped before line {part[0].number}: what is stored stays; go on with --from-line {part[0].number}"
        raise click.ClickException(f"{error.message}\n{said}") from error


def _reason(result: ImportResult) -> str:
    return "it is no memory" if result.problem is None else result.problem.detail


def _in_words(report: ImportReport) -> str:
    """Say what became of the lines."""
    parts = [f"{counted(report.stored, 'memory is', 'memories are')} stored"]
    if report.renamed:
        parts.append(f"{report.renamed} of them under new ids, since the old ones were deleted")
    if report.versions:
        parts.append(f"{counted(report.versions, 'former version', 'former versions')} of them, too")
    if report.left:
        left = counted(report.left, "former version was", "former versions were")
        parts.append(f"{left} left out, being there already, too old, or too new")
    if report.kept:
        parts.append(f"{report.kept} left as they are, since something else is stored under their ids")
    if report.failed:
        parts.append(f"{counted(report.failed, 'line was', 'lines were')} not stored")
    return "; ".join(parts)
