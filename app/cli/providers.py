"""`ninai providers`: show the state of a running service's providers, watch one being filled, or test one alone."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec
from click.core import ParameterSource
from msgspec import Struct

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import ConfigProblem, load_or_exit
from app.cli.progress import filling, showing, stage
from app.cli.provider_test import ProviderTestReport, in_words, remains, report_of, trial_of, tried
from app.cli.round_trip import RoundTrip
from app.cli.service_client import NotListening, RunningService
from app.cli.tables import table
from app.process.host import offline_host
from app.settings.environment import process_environment
from app.settings.errors import quoted, suggestion
from observability.logs import configure_logs
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, Role
from providers.timing.durations import span

KEY_VARIABLE = "NINAI_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"

START_SECONDS = 60.0  # for a service that is just starting, including the first start of its database
_EVERY_SECONDS = 1.0
EXIT_FAILED = 1
_NOT_READY = 503
_HEAD = ("provider", "role", "breaker", "pending", "oldest", "dead")


class _Count(Struct, frozen=True):
    total_memories: int = 0


class _Ready(Struct, frozen=True):
    providers: dict[str, _Count]


def _url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
        (parts.hostname or "").encode("idna")  # as asking will
    except ValueError:
        raise click.BadParameter("not the URL of a server") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("must begin with http:// or https://")
    return value.rstrip("/")


def _key_in(file: Path | None) -> str | None:
    if file is None:
        return process_environment().get(KEY_VARIABLE, "").strip() or None
    return file.read_text("utf-8").strip()


@click.group(invoke_without_command=True)
@click.option("--url", default=DEFAULT_URL, show_default=True, callback=_url, help="The service, or its admin port.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
    help=f'File with an API key of the scope "admin"; without it the variable {KEY_VARIABLE}, else none.',
)
@click.option(
    "--watch",
    is_flag=True,
    help="Wait for a service that is starting, and until every provider has received everything; show the progress.",
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.pass_context
def providers(context: click.Context, url: str, key_file: Path | None, *, watch: bool, as_json: bool) -> None:
    """Show the state of a running service's providers.

    Circuit breakers are those of the process that answers.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    service = RunningService(url, _key_in(key_file))
    status = _awaited(service) if watch else _status(service)
    if watch and filling(status):
        status = _watched(service, status)
    click.echo(_in_json(status) if as_json else _in_words(status))


@providers.command("test")
@click.argument("name")
@options.own_config_file
@options.data_dir
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
@click.pass_obj
def try_provider(
    config_file: Path | None, name: str, own_config_file: Path | None, data_dir: Path | None, *, as_json: bool
) -> None:
    """Try every operation of one provider; exit code 1 if one fails.

    NAME is called directly, past the service, its journal and other providers, for a user made up for it. What it
    stored is deleted again; tombstones stay, as after every delete.
    """
    settings = load_or_exit(own_config_file or config_file, options.in_data_dir(data_dir)).settings
    if name not in settings.providers:
        raise ConfigProblem(_unknown(name, list(settings.providers)))
    configure_logs(settings.log.format, "error")
    provider = settings.providers[name]
    trip, trial = RoundTrip(verbatim=not provider.infers), trial_of(provider)
    with database_for(settings, name):
        try:
            asyncio.run(tried(provider, offline_host(name, settings.data_dir), trip, trial))
        except KeyboardInterrupt:
            click.echo(remains(report_of(name, provider, trip, trial)), err=True)
            raise
    report = report_of(name, provider, trip, trial)
    click.echo(_in_json(report) if as_json else in_words(report))
    if not report.ok:
        raise SystemExit(EXIT_FAILED)


def _unknown(name: str, known: list[str]) -> str:
    """Suggest the name that is meant, and list all of them."""
    hint = suggestion(name, known)
    others = "" if hint.startswith("expected") else f" configured: {quoted(known)}"
    return f"provider {quoted([name])} is not configured, {hint}{others}"


def _refuse_options(context: click.Context) -> None:
    """Refuse an option of this group before a subcommand, where it would have no effect."""
    for parameter in context.command.params:
        if context.get_parameter_source(parameter.name or "") is not ParameterSource.DEFAULT:
            raise click.UsageError(
                f"{parameter.opts[0]} does not apply to {context.invoked_subcommand}, or belongs after it"
            )


def _status(service: RunningService) -> ChainStatus:
    return service.get("/admin/providers", ChainStatus)


def _awaited(service: RunningService) -> ChainStatus:
    """Return the status, retrying for `START_SECONDS` while the service does not listen yet.

    Raises:
        click.ClickException: it does not listen by then, or answers otherwise.
    """
    deadline = time.monotonic() + START_SECONDS
    while True:
        try:
            return _status(service)
        except NotListening:
            if time.monotonic() >= deadline:
                raise
        time.sleep(_EVERY_SECONDS)


def _watched(service: RunningService, status: ChainStatus) -> ChainStatus:
    """Show on standard error how the filling goes on, until it is done, and return the last status."""
    with showing(status, _memories_of_home(service, status)) as show:
        while filling(status):
            show(status)
            time.sleep(_EVERY_SECONDS)
            status = _status(service)
        show(status)
    return status


def _memories_of_home(service: RunningService, status: ChainStatus) -> int:
    """Return the number of memories that a newcomer is going to receive, 0 if it is not known."""
    counts = service.get("/readyz", _Ready, accepted=(_NOT_READY,)).providers
    return counts.get(status.home or "", _Count()).total_memories


def _in_words(status: ChainStatus) -> str:
    rows = [
        (one.name, one.role, one.breaker.state, one.pending, span(one.oldest_pending_seconds), one.dead)
        for one in status.providers
    ]
    return "\n".join([table(_HEAD, rows), *_remarks(status)])


def _remarks(status: ChainStatus) -> Iterator[str]:
    """Yield what the columns cannot say."""
    for provider in status.providers:
        if provider.breaker.state is not BreakerState.CLOSED:
            yield f"{provider.name}: the breaker is {provider.breaker.state}: {provider.breaker.why}"
        if provider.role is Role.FILLING:
            yield stage(provider)
    if status.journal_error is not None:
        yield f"the journal is out of reach, so the pending operations are not known: {status.journal_error}"
    elif status.journal is None:
        yield "without a journal: a single provider needs none"


def _in_json(value: ChainStatus | ProviderTestReport) -> str:
    return msgspec.json.format(msgspec.json.encode(value), indent=2).decode()
