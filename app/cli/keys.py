"""`ninai keys`: make, list, rotate, revoke and expire API keys, in the file that a running service follows."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from functools import wraps
from pathlib import Path

import click
import msgspec
from msgspec import structs

from app.auth.key_uses import KeyUses
from app.auth.keys import MAX_KEY_ID_CHARS, new_key
from app.auth.keys_file import KeysFileFault
from app.cli import options
from app.cli.key_table import KeyView, in_words, view_of
from app.cli.key_times import DURATION, MOMENT
from app.cli.known_keys import KnownKeys
from app.cli.loading import ConfigProblem, exit_on
from app.cli.tables import show
from app.settings import ConfigError
from app.settings.auth import GRANTS, Grant, KeyName, KeySettings, TenantName
from app.settings.environment import process_environment
from app.settings.key_faults import key_fault
from app.settings.loading import read
from providers.errors import InvalidInput
from providers.limits import check_user_id
from providers.owners import DEFAULT_TENANT

OVERLAP = timedelta(hours=24)


def _name(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        name: str = msgspec.convert(value, KeyName)
    except msgspec.ValidationError:
        raise click.BadParameter("use letters, digits, underscores and dashes") from None
    if len(name) > MAX_KEY_ID_CHARS:
        raise click.BadParameter(f"use at most {MAX_KEY_ID_CHARS} characters")
    return name


def _users(_context: click.Context, _parameter: click.Parameter, value: tuple[str, ...]) -> tuple[str, ...]:
    for user in value:
        try:
            check_user_id(user)
        except InvalidInput as error:
            raise click.BadParameter(error.reason) from error
    return value


def _tenant(_context: click.Context, _parameter: click.Parameter, value: str) -> str:
    try:
        tenant: str = msgspec.convert(value, TenantName)
    except msgspec.ValidationError:
        raise click.BadParameter("use up to 63 lower-case letters, digits, dashes and underscores") from None
    return tenant


def _with_known_keys(command: Callable[..., None]) -> Callable[..., None]:
    """Pass the keys that are known to a command; it asks nothing but files, so it works with every database down."""

    @options.data_dir
    @click.pass_obj
    @wraps(command)
    def loaded(config_file: Path | None, /, *, data_dir: Path | None, **arguments: object) -> None:
        # Unchecked: a service that asks for keys cannot start without any, and here the first one is made.
        with exit_on(ConfigError, problem=ConfigProblem):
            settings = read(config_file, process_environment(), options.in_data_dir(data_dir)).settings
        with exit_on(KeysFileFault, OSError):
            command(KnownKeys(settings), **arguments)

    return loaded


_NAME = click.argument("name", callback=_name)
_PRINT = click.option(
    "--print", "printed", is_flag=True, help="Print the table for the configuration file, and store nothing."
)


@click.group()
def keys() -> None:
    """Make, list, rotate, revoke and expire API keys."""


@keys.command()
@_NAME
@click.option("--tenant", default=DEFAULT_TENANT, show_default=True, callback=_tenant, help="Whose memories it is for.")
@click.option(
    "--user",
    "users",
    multiple=True,
    callback=_users,
    help="The user the key speaks for, several if given again; without it each request names one.",
)
@click.option(
    "--reads", multiple=True, callback=_users, help="An owner, such as a team, whose memories it may read as well."
)
@click.option("--user-prefix", help="What the users it speaks for begin with.")
@click.option(
    "--scope",
    "scopes",
    multiple=True,
    type=click.Choice(GRANTS),
    help='What the key grants access to, "memory" by default; may be given several times.',
)
@click.option("--expires", type=MOMENT, help="When it ends: 90d, 12h, or a date and time.")
@_PRINT
@options.as_json
@_with_known_keys
def new(  # noqa: PLR0913 - one for each option
    known: KnownKeys,
    name: str,
    tenant: str,
    users: tuple[str, ...],
    user_prefix: str | None,
    reads: tuple[str, ...],
    scopes: tuple[Grant, ...],
    expires: datetime | None,
    *,
    printed: bool,
    as_json: bool,
) -> None:
    """Make a key called NAME; it is shown only this once, and stored only as a hash."""
    key = new_key(name)
    made = KeySettings(
        hash=known.pepper().hash(key),
        tenant=tenant,
        user=users[0] if len(users) == 1 else None,
        users=list(users) if len(users) > 1 else [],
        user_prefix=user_prefix,
        reads=list(reads),
        scopes=list(scopes) or ["memory"],
        expires=expires,
    )
    if (fault := key_fault(made)) is not None:
        raise click.UsageError(fault[1])
    if not printed:
        known.add(name, made)
    known.tell(name, key, made, printed=printed, as_json=as_json)


@keys.command("list")
@options.as_json
@_with_known_keys
def list_keys(known: KnownKeys, *, as_json: bool) -> None:
    """List all keys: what they grant, their state, and their last use on each host, to the hour."""
    uses, now = KeyUses.below(known.data_dir).all(), datetime.now(UTC)
    views: list[KeyView] = [
        view_of(name, key, source, uses.get(name, []), now) for name, (key, source) in known.all().items()
    ]
    show(views, in_words, as_json=as_json)


@keys.command()
@_NAME
@click.option(
    "--keep",
    type=DURATION,
    default=OVERLAP,
    show_default="24h",
    help="How long the former secret counts as well: 24h, 30m, or 0 to end it at once.",
)
@options.as_json
@_with_known_keys
def rotate(known: KnownKeys, name: str, keep: timedelta, *, as_json: bool) -> None:
    """Give a key another secret; it stays the same caller, also for an Idempotency-Key."""
    key, secret, pepper = known.find(name), new_key(name), known.pepper()
    if key.revoked is not None:
        raise click.ClickException(f"{name} was revoked; make another key")
    until = datetime.now(UTC).replace(microsecond=0) + keep
    former = (key.hash, until) if keep else (None, None)
    rotated = structs.replace(key, hash=pepper.hash(secret), former_hash=former[0], former_until=former[1])
    printed = known.is_configured(name)
    if not printed:
        known.put(name, key, rotated)
    known.tell(name, secret, rotated, printed=printed, as_json=as_json)


@keys.command()
@_NAME
@options.as_json
@_with_known_keys
def revoke(known: KnownKeys, name: str, *, as_json: bool) -> None:
    """Withdraw a key for good, with the sessions of the console that were begun with it."""
    key = known.find(name, to_change=True)
    revoked = structs.replace(key, revoked=key.revoked or datetime.now(UTC).replace(microsecond=0))
    known.put(name, key, revoked)
    known.tell_change(name, revoked, as_json=as_json)


@keys.command()
@_NAME
@click.argument("when", type=MOMENT, required=False)
@click.option("--never", is_flag=True, help="Let it count for ever again.")
@click.option("--former", is_flag=True, help="End the secret before the last rotation now.")
@options.as_json
@_with_known_keys
def expire(known: KnownKeys, name: str, when: datetime | None, *, never: bool, former: bool, as_json: bool) -> None:
    """Let a key end at WHEN: in 90d or 12h, or at a date and time."""
    if [when is not None, never, former].count(True) != 1:
        raise click.UsageError("give either a time, --never or --former")
    key = known.find(name, to_change=True)
    if former:
        if key.former_hash is None:
            raise click.ClickException(f"{name} has no former secret: it was not rotated, or that has been ended")
        changed = structs.replace(key, former_hash=None, former_until=None)
    else:
        now = datetime.now(UTC).replace(microsecond=0)
        ended = key.expires is not None and key.expires <= now
        # What had ended with the key stays ended: whoever has the cookie of a session has to log in again.
        renewed = now if ended and (when is None or when > now) else key.renewed
        changed = structs.replace(key, expires=when, renewed=renewed)
    known.put(name, key, changed)
    known.tell_change(name, changed, former=former, as_json=as_json)
