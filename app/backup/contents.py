"""What of a host belongs in a backup, and where it is."""

from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

from app.auth import pepper
from app.process import installation
from app.reloading import order_override
from app.settings import Settings
from app.settings.annotations import tag_of
from app.settings.auth import KEYS_FILE
from providers.native.embedded import folder_of

JOURNAL = "journal.sqlite3"  # the name in a backup, wherever it is on the host


class SmallFile(Struct, frozen=True):
    """A file of the service: its name in a backup, and its place on the host."""

    name: str
    place: Path


def small_files(settings: Settings) -> list[SmallFile]:
    """Return the small files that the service keeps, whether or not they are there.

    The secret of the console's sessions is left out: a session that has ended since would be valid again.
    """
    kept = [SmallFile(name, settings.common_dir / name) for name in (order_override.FILE_NAME, pepper.FILE_NAME)]
    keys = SmallFile(KEYS_FILE, settings.auth.keys_path or settings.common_dir / KEYS_FILE)
    return [SmallFile(installation.FILE_NAME, settings.data_dir / installation.FILE_NAME), *kept, keys]


def journal_file(settings: Settings) -> Path | None:
    """Return the place of the journal's file, None if the settings have no journal in a file."""
    chosen = settings.journal.resolved()
    return None if chosen is None else chosen.file_in(settings.data_dir)


def server_in(settings: Settings, name: str) -> Path:
    """Return the place of the embedded server of a provider."""
    return folder_of(settings.data_dir, name)


def copy_in(backup: Path, name: str) -> Path:
    """Return the folder in a backup of the embedded server of a provider."""
    return folder_of(backup, name)


def outside_of(settings: Settings) -> dict[str, str]:
    """Return what the service uses and no backup of this host holds, by its settings, each with its kind."""
    return dict(_outside(settings))


def _outside(settings: Settings) -> Iterator[tuple[str, str]]:
    for name in settings.order:
        provider = settings.providers[name]
        if not provider.embedded:
            yield f"providers.{name}", str(tag_of(type(provider)))
    if settings.journal.resolved() is not None and journal_file(settings) is None:
        yield "journal", str(tag_of(type(settings.journal)))
