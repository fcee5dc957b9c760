"""`ninai providers`: show the state of a running service's providers, watch one being filled, or test one alone."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path

import click
from click.core import ParameterSource
from msgspec import Struct

from app.cli import options
from app.cli.database import database_for
from app.cli.loading import ConfigProblem, load_or_exit
from app.cli.progress import filling, showing, stage
from app.cli.provider_test import in_words, remains, report_of, trial_of, tried
from app.cli.round_trip import RoundTrip
from app.cli.service_client import NotListening, RunningService
from app.cli.service_options import of_service, service_at
from app.cli.stores import diff, merge
from app.cli.tables import show, table
from app.process.host import offline_host
from app.settings.errors import quoted, suggestion
from observability.logs import configure_logs
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, ProviderStatus, Role
from providers.timing.durations import span

START_SECONDS = 60.0  # for a service that is just starting, including the first start of its database
_EVERY_SECONDS = 1.0
EXIT_FAILED = 1
_NOT_READY = 503
_HEAD = ("provider", "role", "breaker", "pending", "oldest", "dead", "epoch", "mark", "patience")


class _Count(Struct, frozen=True):
    total_memories: int = 0


class _Health(Struct, frozen=True):
    providers: dict[str, _Count] = {}


@click.group(invoke_without_command=True)
@of_service
@click.option(
    "--watch",
    is_flag=True,
    help="Wait for a service that is starting, and until every provider has received everything; show the progress.",
)
@options.as_json
@click.pass_context
def providers(context: click.Context, url: str, key_file: Path | None, *, watch: bool, as_json: bool) -> None:
    """Show the state of a running service's providers.

    Circuit breakers are those of the process that answers.
    """
    if context.invoked_subcommand is not None:
        _refuse_options(context)
        return
    service = service_at(url, key_file)
    status = _awaited(service) if watch else _status(service)
    if watch and filling(status):
        status = _watched(service, status)
    show(status, _in_words, as_json=as_json)


providers.add_command(diff)
providers.add_command(merge)


@providers.command("test")
@click.argument("name")
@options.own_config_file
@options.data_dir
@options.as_json
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
            asyncio.run(tried(provider, offline_host(name, settings.data_dir, settings.history.retention), trip, trial))
        except KeyboardInterrupt:
            click.echo(remains(report_of(name, provider, trip, trial)), err=True)
            raise
    report = report_of(name, provider, trip, trial)
    show(report, in_words, as_json=as_json)
    if not report.ok:
        raise SystemExit(EXIT_FAILED)


def _unknown(name: str, known: list[str]) -> str:
    """Suggest the name that is meant, and list all of them."""
    hint = suggestion(name, known)
    others = "" if hint.startswith("expected") else f" configured: {quoted(known)}"
    return f"provider {quoted([name])} is not configured, {hint}{others}"


def _refuse_options(context: click.Context) -> None:
    """Refuse an option of this group before a subcommand, where it would have no effect."""
    for one in context.command.params:
        if context.get_parameter_source(one.name or "") is not ParameterSource.DEFAULT:
            raise click.UsageError(f"{one.opts[0]} does not apply to {context.invoked_subcommand}, or belongs after it")


def _status(service: RunningService) -> ChainStatus:
    return service.get("/admin/providers", ChainStatus)


def _awaited(service: RunningService) -> ChainStatus:
    """Return the status, retrying for `START_SECONDS` while the service does not listen yet; else `ClickException`."""
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
    try:
        counts = service.get("/memory/health", _Health, accepted=(_NOT_READY,)).providers
    except click.ClickException:  # the key has no scope for it
        return 0
    return counts.get(status.home or "", _Count()).total_memories


def _in_words(status: ChainStatus) -> str:
    rows = [
        (
            *(one.name, one.role, one.breaker.state, one.pending, span(one.oldest_pending_seconds), one.dead),
            *("-" if number is None else number for number in (one.epoch, one.mark)),
            "/".join(f"{seconds:.2f}" for seconds in one.patience.values()) + " s" if one.patience else "-",
        )
        for one in status.providers
    ]
    return "\n".join([table(_HEAD, rows), *_remarks(status)])


def _lost(seconds: float | None) -> str:
    return "some of what it had received" if seconds is None else f"what it had received in {seconds:.1f} s"


def _of_embedding(provider: ProviderStatus) -> Iterator[str]:
    if (embedding := provider.embedding) is not None:
        total = embedding.embedded + embedding.waiting
        yield f"{provider.name}: {embedding.embedded} of {total} memories have vectors of {embedding.model}"


def _remarks(status: ChainStatus) -> Iterator[str]:
    """Yield what the columns cannot say."""
    for provider in status.providers:
        if provider.breaker.state is not BreakerState.CLOSED:
            yield f"{provider.name}: the breaker is {provider.breaker.state}: {provider.breaker.why}"
        if provider.asked_second:
            yield f"{provider.name} is asked second: most of its answers take longer than patience"
        yield from _of_embedding(provider)
        if provider.role is Role.RESTORED:
            yield f"{provider.name} has lost {_lost(provider.behind_seconds)}"
        if provider.role.incomplete:
            yield stage(provider)
        elif provider.refused:
            yield f"{provider.name} is refused: {provider.reason}"
        if provider.differences:
            counts = ", ".join(f"{count} {kind}" for kind, count in provider.differences.items())
            yield f"{provider.name} differs from the other complete providers: {counts}; see `ninai providers diff`"
    if status.journal_error is not None:
        yield f"the journal is out of reach, so the pending operations are not known: {status.journal_error}"
    elif status.journal is None:
        yield "without a journal: a single provider needs none"
