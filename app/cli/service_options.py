"""The options by which a command finds a running service, and proves that it may operate it."""

import os
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import click

from app.cli.service_client import RunningService
from app.process.service_file import ServiceUrls, urls_of_service
from app.settings.datadir import default_data_dir
from app.settings.environment import process_environment

KEY_VARIABLE = "NINAI_API_KEY"
URL_VARIABLE = "NINAI_URL"
DEFAULT_URL = "http://127.0.0.1:8000"


def _found() -> ServiceUrls:
    """Return where the service of the default data folder is reached, else where one is reached by default."""
    folder = default_data_dir(process_environment(), euid=os.geteuid())
    return urls_of_service(folder) or ServiceUrls(DEFAULT_URL, DEFAULT_URL)


def _operators_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    return _checked(value or process_environment().get(URL_VARIABLE) or _found().admin_url)


def _callers_url(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str:
    return _checked(value or process_environment().get(URL_VARIABLE) or _found().url)


def _checked(value: str) -> str:
    try:
        parts = urlsplit(value)
        (parts.hostname or "").encode("idna")  # as asking will
    except ValueError:
        raise click.BadParameter("not the URL of a server") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise click.BadParameter("must begin with http:// or https://")
    return value.rstrip("/")


_FOUND = (
    f"without it the variable {URL_VARIABLE}, else the running service of the default data folder, else {DEFAULT_URL}."
)
_URL = click.option("--url", callback=_operators_url, help=f"The service, or its admin port; {_FOUND}")
_CALLERS_URL = click.option("--url", callback=_callers_url, help=f"The service; {_FOUND}")
_KEY_TYPE = click.Path(path_type=Path, exists=True, dir_okay=False, readable=True)
_NO_FILE = f"without it the variable {KEY_VARIABLE}, else none."
_KEY_FILE = click.option("--key-file", type=_KEY_TYPE, help=f'File with an API key of the scope "admin"; {_NO_FILE}')
_CALLERS_KEY_FILE = click.option("--key-file", type=_KEY_TYPE, help=f"File with an API key; {_NO_FILE}")


def of_service(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options `--url` and `--key-file`, for `service_at`."""
    return _URL(_KEY_FILE(command))


def of_memories(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command that reads or writes memories the same options."""
    return _CALLERS_URL(_CALLERS_KEY_FILE(command))


def service_at(url: str, key_file: Path | None) -> RunningService:
    """Return the service that the options name."""
    if key_file is not None:
        return RunningService(url, key_file.read_text("utf-8").strip())
    return RunningService(url, process_environment().get(KEY_VARIABLE, "").strip() or None)
