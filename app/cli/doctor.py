"""`ninai doctor`: look for what is wrong, from the configuration to the journal, and say what to do about it."""

from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click
import msgspec

from app.cli import options
from app.cli.tables import table
from app.doctor.doctor import examine
from app.doctor.report import DoctorReport
from app.settings import load
from observability.logs import configure_logs
from providers.examination.outcome import CheckStatus

EXIT_WRONG = 1

_HEAD = ("check", "status", "found")


@click.command()
@options.own_config_file
@click.option(
    "--data-dir",
    # Not looked at here: what is wrong with it is a finding.
    type=click.Path(path_type=Path, readable=False),
    help="Folder of the service's data, if it is started with one.",
)
@click.option(
    "--json",
    "as_json",
    is_flag=True,
    help='JSON: {"ok": ..., "findings": [{"name", "status", "found", "advice", "milliseconds"}]}.',
)
@click.pass_obj
def doctor(config_file: Path | None, own_config_file: Path | None, data_dir: Path | None, *, as_json: bool) -> None:
    """Look for what is wrong, and say what to do.

    The exit code is 1 if there is an error; warnings are none.

    Works beside a running service, and without one: then an embedded server is run for as long as it is looked at, and
    a service that starts meanwhile is told that its folder is in use. Nothing is changed: no schema, no memory, no
    setting, and what was never there is not made.
    """
    configure_logs("auto", "error")
    report = examine(partial(load, own_config_file or config_file, overrides=options.in_data_dir(data_dir)))
    click.echo(_in_json(report) if as_json else _in_words(report))
    if not report.ok:
        raise SystemExit(EXIT_WRONG)


def _in_words(report: DoctorReport) -> str:
    rows = [(one.name, one.status, one.found) for one in report.findings]
    return "\n".join([table(_HEAD, rows), *_remarks(report)])


def _remarks(report: DoctorReport) -> Iterator[str]:
    """What to do, below the table: beside an error, which may be long, nobody would find it."""
    for one in report.findings:
        if one.advice is not None:
            yield f"{one.name}: {one.advice}"
    counts = Counter(one.status for one in report.findings)
    errors, warnings = counts[CheckStatus.ERROR], counts[CheckStatus.WARNING]
    yield f"{errors} {'error' if errors == 1 else 'errors'}, {warnings} {'warning' if warnings == 1 else 'warnings'}"


def _in_json(report: DoctorReport) -> str:
    return msgspec.json.format(msgspec.json.encode(report), indent=2).decode()
