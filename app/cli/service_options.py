"""The options by which a command finds a running service, and proves that it may operate it."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click

from app.cli.service_client import RunningService
from app.settings.environment import process_environment

KEY_VARIABLE = "NINAI_API_KEY"
DEFAULT_URL = "http://127.0.0.1:8000"


def _url(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        parts = urlsplit(value)
        (parts.hostname or "").encode("idna")  # as asking will
    except ValueError:
        raise click.BadParameter("not the URL of a server") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("must begin with http:// or https://")
    return value.rstrip("/")


_URL = click.option(
    "--url", default=DEFAULT_URL, show_default=True, callback=_url, help="The service, or its admin port."
)
_KEY_TYPE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
_NO_FILE = f"without it the variable {KEY_VARIABLE}, else none."
_KEY_FILE = click.option("--key-file", type=_KEY_TYPE, help=f'File with an API key of the scope "admin"; {_NO_FILE}')
_CALLERS_KEY_FILE = click.option("--key-file", type=_KEY_TYPE, help=f"File with an API key; {_NO_FILE}")


def of_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--url` and `--key-file`, for `service_at`."""
    return _URL(_KEY_FILE(command))


def of_memories(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that reads or writes memories the same options."""
    return _URL(_CALLERS_KEY_FILE(command))


def service_at(url: str, key_file: Path | None) -> RunningService:
    """Return the service that the options name."""
    if key_file is not None:
        return RunningService(url, key_file.read_text("utf-8").strip())
    return RunningService(url, process_environment().get(KEY_VARIABLE, "").strip() or None)
