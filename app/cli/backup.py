"""`ninai backup`: copy all that a host holds to a folder, and verify such a copy."""

from datetime import UTC, datetime
from functools import partial
from pathlib import Path

import click

from app.backup.errors import BackupError
from app.backup.manifest import Manifest
from app.backup.taking import take_backup
from app.backup.verifying import verified
from app.cli import options
from app.cli.database import as_its_user, check_owner, database_for
from app.cli.loading import exit_on
from app.cli.tables import show
from app.settings import Settings
from providers.errors import ProviderError
from providers.native.embedded import EmbeddedServerError

_MIB = 1024 * 1024


class PathOrCommand(click.Group):
    """Take the first argument for the argument of `take`, unless it is the name of a command."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """Name the command that is meant."""
        if args and args[0] not in {*self.commands, *self.get_help_option_names(ctx)}:
            args = ["take", *args]
        return super().parse_args(ctx, args)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Return the command, that of `take` for a PATH."""
        return super().get_command(ctx, cmd_name) or self.commands.get("take")


@click.group(cls=PathOrCommand, subcommand_metavar="PATH | verify PATH")
def backup() -> None:
    """Back up the embedded servers, the journal and the files of the service to PATH, a new folder.

    The service may run meanwhile. All that was acknowledged before the command ends its copy of the journal is in it.
    Databases and mem0 services elsewhere, and the configuration, are not.
    """


@backup.command(hidden=True)
@click.argument("path", type=click.Path(path_type=Path))
@options.as_json
@options.with_settings
def take(settings: Settings, path: Path, *, as_json: bool) -> None:
    """Back up to PATH, a new folder."""
    check_owner(settings.data_dir)
    told = partial(click.echo, err=True)
    server = partial(database_for, settings, make=False)
    with as_its_user(), exit_on(BackupError, EmbeddedServerError, ProviderError):
        manifest = take_backup(settings, path, server, lambda: datetime.now(UTC), told)
    show(manifest, partial(in_words, path), as_json=as_json)


@backup.command()
@click.argument("path", type=click.Path(path_type=Path))
@options.as_json
def verify(path: Path, *, as_json: bool) -> None:
    """Read the backup in PATH to its last byte, and compare it with its checksums; exit code 1 if it is damaged."""
    with as_its_user(), exit_on(BackupError):
        manifest = verified(path)
    show(manifest, partial(in_words, path), as_json=as_json)


def in_words(path: Path, manifest: Manifest) -> str:
    """Describe a backup that is whole."""
    size = sum(one.size for one in manifest.files.values()) / _MIB
    held = [f"the embedded server of {name}" for name in manifest.servers]
    held += ["the journal"] if manifest.journal is not None else []
    lines = [
        f"{path}: {size:.1f} MiB, as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC, by ninai {manifest.version}",
        f"holds {', '.join([*held, 'and files of the service'])}" if held else "holds files of the service",
    ]
    if manifest.outside:
        outside = ", ".join(f"{where} ({kind})" for where, kind in manifest.outside.items())
        lines.append(f"not in it: {outside}")
    return "\n".join(lines)
