"""`ninai restore`: put a backup in the place of a data folder that is lost."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import click

from app.backup.errors import BackupError
from app.backup.restoring import Restored, restore_backup
from app.cli import options
from app.cli.database import as_its_user, check_owner
from app.cli.loading import exit_on
from app.settings import Settings
from app.settings.auth import KEYS_FILE
from providers.errors import ProviderError
from providers.native.embedded import EmbeddedServerError


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@options.with_settings
def restore(settings: Settings, path: Path) -> None:
    """Restore the backup in PATH to the data folder, which must be empty or not there.

    The backup is verified first. The journal then believes no store: the service starts with answers that are marked
    `restored`, merges all stores, also those that are not in the backup, and is complete. What was deleted since in one
    of those stays deleted.
    """
    check_owner(settings.data_dir)
    with as_its_user(), exit_on(BackupError, EmbeddedServerError, ProviderError):
        done = restore_backup(settings, path, partial(click.echo, err=True))
    for line in _in_words(settings, done):
        click.echo(line)


def _in_words(settings: Settings, done: Restored) -> Iterator[str]:
    manifest = done.manifest
    yield f"restored to {settings.data_dir}, as of {manifest.taken_at:%Y-%m-%d %H:%M:%S} UTC"
    for place in done.kept:
        yield f"{place} was still there, and stays as it is"
    for where, kind in manifest.outside.items():
        yield f"{where} ({kind}) is not in the backup: it is taken as it is"
    if KEYS_FILE in manifest.files:
        yield "API keys are those of the backup: what was revoked since is valid again, see `ninai keys list`"
    if manifest.journal is None:
        yield "there is no journal, so nothing marks the answers as those of a restore"
    else:
        yield "start the service: `ninai providers --watch` shows how its stores become complete"
