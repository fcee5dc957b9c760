"""`ninai mode`: show whether a running service takes writes, and have it refuse them for maintenance."""

from pathlib import Path

import click

from app.cli import options
from app.cli.service_options import of_service, service_at
from app.cli.tables import show
from app.mode.mode_file import ServiceMode

PATH = "/admin/mode"


@click.command()
@click.argument("mode", required=False, type=click.Choice(["read-only", "read-write"]))
@click.option("--reason", default="", help="What those are told whose writes are refused; needed for read-only.")
@click.option(
    "--retry-after",
    type=click.IntRange(1, 3_600),
    default=30,
    show_default=True,
    help="The seconds after which they are told to come back.",
)
@of_service
@options.as_json
def mode(url: str, key_file: Path | None, mode: str | None, reason: str, retry_after: int, *, as_json: bool) -> None:
    """Show the mode of a running service, or set it: read-only refuses all writes of callers."""
    service = service_at(url, key_file)
    if mode is None:
        show(service.get(PATH, ServiceMode), _in_words, as_json=as_json)
        return
    if mode == "read-only" and not reason.strip():
        raise click.UsageError("give a --reason: those whose writes are refused are told it")
    wanted = {"mode": mode.replace("-", "_"), "reason": reason, "retry_after": retry_after}
    show(service.ask("PUT", PATH, ServiceMode, json=wanted).value, _in_words, as_json=as_json)


def _in_words(mode: ServiceMode) -> str:
    said = mode.mode.replace("_", "-")
    if mode.since is not None:
        said += f" since {mode.since.isoformat(timespec='seconds')}, set by {mode.set_by}"
    return f"{said}: {mode.reason}" if mode.reason else said
