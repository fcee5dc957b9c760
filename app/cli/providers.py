"""`ninai providers`: how the providers of a running service are, and how far one is filled."""

import time
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import click
import msgspec
from msgspec import Struct

from app.cli.asking import RunningService
from app.cli.tables import span, table
from app.cli.watching import filling, showing, stage
from app.settings.environment import process_environment
from providers.chain.breaker_state import BreakerState
from providers.chain.status import ChainStatus, Role

KEY_VARIABLE = "NINAI_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"

_EVERY_SECONDS = 1.0
_NOT_READY = 503
_HEAD = ("provider", "role", "breaker", "pending", "oldest", "dead")


class _Count(Struct, frozen=True):
    total_memories: int = 0


class _Ready(Struct, frozen=True):
    providers: dict[str, _Count]


def _url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    parts = urlsplit(value)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("must begin with http:// or https://")
    return value.rstrip("/")


def _key_in(file: Path | None) -> str | None:
    if file is None:
        return process_environment().get(KEY_VARIABLE) or None
    return file.read_text("utf-8").strip()


@click.command()
@click.option("--url", default=DEFAULT_URL, show_default=True, callback=_url, help="The service, or its admin port.")
@click.option(
    "--key-file",
    type=click.Path(path_type=Path, exists=True, dir_okay=False, readable=True),
    help=f'File with an API key of the scope "admin"; without it the variable {KEY_VARIABLE}, else none.',
)
@click.option(
    "--watch", is_flag=True, help="Wait until every provider has received everything, and show how far it is."
)
@click.option("--json", "as_json", is_flag=True, help="JSON instead of a table.")
def providers(url: str, key_file: Path | None, *, watch: bool, as_json: bool) -> None:
    """Show how the providers of a running service are.

    Circuit breakers are those of the process that answers.
    """
    service = RunningService(url, _key_in(key_file))
    status = _status(service)
    if watch and filling(status):
        status = _watched(service, status)
    click.echo(_in_json(status) if as_json else _in_words(status))


def _status(service: RunningService) -> ChainStatus:
    return service.get("/admin/providers", ChainStatus)


def _watched(service: RunningService, status: ChainStatus) -> ChainStatus:
    """Show on standard error how the filling goes on, until it is done, and give the status by then."""
    with showing(status, _memories_of_home(service, status)) as show:
        while filling(status):
            show(status)
            time.sleep(_EVERY_SECONDS)
            status = _status(service)
        show(status)
    return status


def _memories_of_home(service: RunningService, status: ChainStatus) -> int:
    """The number of memories that a newcomer is going to receive, 0 if nobody knows."""
    counts = service.get("/readyz", _Ready, accepted=(_NOT_READY,)).providers
    return counts.get(status.home or "", _Count()).total_memories


def _in_words(status: ChainStatus) -> str:
    rows = [
        (one.name, one.role, one.breaker.state, one.pending, span(one.oldest_pending_seconds), one.dead)
        for one in status.providers
    ]
    return "\n".join([table(_HEAD, rows), *_remarks(status)])


def _remarks(status: ChainStatus) -> Iterator[str]:
    """What the columns cannot say."""
    for provider in status.providers:
        if provider.breaker.state is not BreakerState.CLOSED:
            yield f"{provider.name}: the breaker is {provider.breaker.state}: {provider.breaker.why}"
        if provider.role is Role.FILLING:
            yield stage(provider)
    if status.journal_error is not None:
        yield f"the journal is out of reach, so what is pending is not known: {status.journal_error}"
    elif status.journal is None:
        yield "without a journal: a single provider needs none"


def _in_json(status: ChainStatus) -> str:
    return msgspec.json.format(msgspec.json.encode(status), indent=2).decode()
