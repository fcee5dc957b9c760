"""The options that commands about memories share."""

import json
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import click

from app.cli.memories.caller import CallerOfService
from app.cli.service_options import of_memories, service_at
from providers.labels import LABELS
from providers.source import ORIGINS

_LABEL_HELP = {
    "session": "The conversation, thread or run.",
    "agent": "The agent.",
    "app": "The application.",
    "speaker": "Who said it.",
}


class JsonObject(click.ParamType[dict[str, object]]):
    """An object in JSON."""

    name = "json"

    def convert(self, value: object, param: click.Parameter | None, ctx: click.Context | None) -> dict[str, object]:
        """Return the object."""
        if isinstance(value, dict):
            return value
        try:
            found = json.loads(str(value))
        except ValueError as error:
            self.fail(f"not JSON: {error}", param, ctx)
        if not isinstance(found, dict):
            self.fail('not an object: write {"field": "value"}', param, ctx)
        return found


_USER = click.option("--user", help="Whose memories; without it the user of the key, else the default user.")
_WHERE = click.option("--where", type=JsonObject(), help='Condition on the metadata: \'{"topic": "travel"}\'.')
_FROM = click.option("--created-from", metavar="MOMENT", help="The earliest moment, as 2026-03-01T00:00:00Z.")
_BEFORE = click.option("--created-before", metavar="MOMENT", help="The moment before which they were created.")


_SOURCES = (
    click.option("--origin", type=click.Choice(ORIGINS), help="What the text comes from."),
    click.option("--source-caller", help="Who has written it last."),
    click.option("--source-key", help="With which key it was written last."),
)


def as_caller(command: Callable[..., None]) -> Callable[..., None]:
    """Pass who calls to a command as its first argument, from the options that it takes with this."""

    @of_memories
    @_USER
    @wraps(command)
    def called(url: str, key_file: Path | None, user: str | None, **arguments: object) -> None:
        command(CallerOfService(service_at(url, key_file), user), **arguments)

    return called


def labels(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command an option for each label."""
    for name in reversed(LABELS):
        command = click.option(f"--{name}", help=_LABEL_HELP[name])(command)
    return command


def conditions(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the conditions for memories."""
    for option in reversed(_SOURCES):
        command = option(command)
    return labels(_WHERE(_FROM(_BEFORE(command))))


def given(arguments: dict[str, object]) -> dict[str, object]:
    """Return the arguments that were given."""
    return {name: value for name, value in arguments.items() if value is not None}
