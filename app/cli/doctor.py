"""`ninai doctor`: diagnose problems, from the configuration to the journal, and recommend remedies."""

import os
import sys
from collections import Counter
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from app.cli import options
from app.cli.tables import show, table
from app.doctor.doctor import DoctorReport, examine
from app.settings import load
from observability.logs import configure_logs
from providers.examination.outcome import CheckStatus

EXIT_WRONG = 1

_HEAD = ("check", "status", "found")


@click.command()
@options.own_config_file
@click.option(
    "--data-dir",
    # Not checked here: a fault in it is a finding.
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
    """Diagnose problems, and recommend remedies.

    The exit code is 1 if there is an error; warnings do not count.

    Works beside a running service, and without one: then an embedded server runs during the checks, and a service that
    starts meanwhile finds its folder in use. Nothing is changed: no schema, no memory, no setting, and what does not
    exist is not created. It ends within 20 seconds whatever hangs, and says what was not finished.
    """
    configure_logs("auto", "error")
    examined = examine(partial(load, own_config_file or config_file, overrides=options.in_data_dir(data_dir)))
    show(examined.report, _in_words, as_json=as_json)
    status = 0 if examined.report.ok else EXIT_WRONG
    if not examined.ended:
        sys.stdout.flush()
        os._exit(status)  # what hangs would be waited for
    if status:
        raise SystemExit(status)


def _in_words(report: DoctorReport) -> str:
    rows = [(one.name, one.status, one.found) for one in report.findings]
    return "\n".join([table(_HEAD, rows), *_remarks(report)])


def _remarks(report: DoctorReport) -> Iterator[str]:
    """Yield the advice, below the table: beside an error, which may be long, it would go unseen."""
    for one in report.findings:
        if one.advice is not None:
            yield f"{one.name}: {one.advice}"
    counts = Counter(one.status for one in report.findings)
    errors, warnings = counts[CheckStatus.ERROR], counts[CheckStatus.WARNING]
    yield f"{errors} {'error' if errors == 1 else 'errors'}, {warnings} {'warning' if warnings == 1 else 'warnings'}"
