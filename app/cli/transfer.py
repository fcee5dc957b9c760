"""What an export and an import from the command line share: patience with the service, a user, and a bar."""

import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar
from urllib.parse import urlencode

import click

from app.cli.service_client import NoAnswer, RefusedByService

TRIES = 5  # in a row, of which none gets any further
LONGEST_PAUSE = 30.0  # seconds
PART_SECONDS = 120.0  # for an answer, or for the next part of one
_AGAIN = frozenset({408, 429, 502, 503, 504})

Result = TypeVar("Result")
Advance = Callable[[int], None]

user = click.option("--user", metavar="USER", help="Whose memories; without it the user of the key.")


def path_for(path: str, **parameters: str | None) -> str:
    """Return a path with those parameters that are given."""
    given = {name: value for name, value in parameters.items() if value is not None}
    return f"{path}?{urlencode(given)}" if given else path


def is_for_later(error: Exception) -> bool:
    """Return whether the same request may succeed later."""
    return isinstance(error, NoAnswer) or (isinstance(error, RefusedByService) and error.status in _AGAIN)


def pause(error: Exception, failures: int, sleep: Callable[[float], None] = time.sleep) -> None:
    """Wait as long as the service asks for, or longer after each failure in a row."""
    asked = error.retry_after if isinstance(error, RefusedByService) else None
    click.echo(f"{error}; trying again", err=True)
    sleep(min(LONGEST_PAUSE, asked or 2.0**failures / 4))


def patiently(ask: Callable[[], Result]) -> Result:
    """Ask, and ask again while the service is away or busy; raise what the last try did."""
    for failures in range(1, TRIES):
        try:
            return ask()
        except click.ClickException as error:
            if not is_for_later(error):
                raise
            pause(error, failures)
    return ask()


@contextmanager
def bar(label: str, length: int | None) -> Iterator[Advance]:
    """Yield a function that moves a bar on by so many steps, on a terminal; elsewhere nothing is shown."""
    if not sys.stderr.isatty():
        yield lambda _: None
        return
    with click.progressbar(length=length or 0, label=label, file=sys.stderr, show_pos=True) as shown:
        yield shown.update
