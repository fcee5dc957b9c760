"""`ninai keys`: make API keys."""

import json
from typing import get_args

import click
import msgspec

from app.auth.keys import hash_key, new_key
from app.settings.model import KeyName, Scope
from providers.errors import InvalidInput
from providers.limits import check_user_id


def _name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        return msgspec.convert(value, KeyName)
    except msgspec.ValidationError:
        raise click.BadParameter("use letters, digits, underscores and dashes") from None


def _user(_context: click.Context, _parameter: click.Parameter, value: str | None) -> str | None:
    if value is not None:
        try:
            check_user_id(value)
        except InvalidInput as error:
            raise click.BadParameter(error.reason) from error
    return value


@click.group()
def keys() -> None:
    """Make API keys."""


@keys.command()
@click.argument("name", callback=_name)
@click.option("--user", callback=_user, help="The only user the key speaks for; without it each request names one.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(get_args(Scope)),
    help='What the key grants access to, "memory" by default; may be given twice.',
)
def new(name: str, user: str | None, scopes: tuple[str, ...]) -> None:
    """Make a key called NAME; it is shown only this once, the configuration holds only its hash."""
    if user is not None and scopes and "memory" not in scopes:
        raise click.UsageError('a key speaks for no user without the scope "memory"')
    key = new_key()
    click.echo("The key, shown only now:\n")
    click.echo(f"    {key}\n")
    click.echo("The table for the configuration file:\n")
    click.echo(f'[auth.keys.{name}]\nhash = "{hash_key(key)}"')
    if user is not None:
        click.echo(f"user = {json.dumps(user, ensure_ascii=False)}")
    if scopes:
        click.echo(f"scopes = {json.dumps(scopes)}")
