"""The configuration in force as the console shows it, and what became of the last change to it."""

import json

from msgspec import Struct

from app.console.wording import moment
from app.reloading.reloader import Reloader
from app.settings import Settings
from app.settings.listing import Leaf, leaves

UNSET = "unset"


class SettingView(Struct, frozen=True):
    """One setting in force, and where it came from; `waiting` is what a restart would make of it."""

    path: str
    value: str
    origin: str
    waiting: str | None


class ReloadView(Struct, frozen=True):
    """The last look at a changed configuration; `refused` tells why it was not taken."""

    at: str
    file: str | None
    refused: str | None
    waiting: int


def settings_view(settings: Settings, reloader: Reloader) -> tuple[SettingView, ...]:
    """Show every setting in force, secrets masked."""
    configuration = reloader.configuration
    origins = {path: str(origin) for path, origin in configuration.loaded.origins.items()}
    if (override := configuration.override) is not None:
        origins["order"] = f"set by {override.set_by}, {moment(override.at)}"
    # A masked secret that waits for a restart looks like the one in force; the number of what waits counts it.
    read = {leaf.path: _text(leaf.value) for leaf in leaves(configuration.settings)}
    return tuple(
        SettingView(leaf.path, _text(leaf.value), origins.get(leaf.path, "given"), _other(leaf, read))
        for leaf in leaves(settings)
    )


def reload_view(reloader: Reloader) -> ReloadView:
    """Show what became of the last change."""
    file = reloader.configuration.loaded.file
    return ReloadView(
        at=moment(reloader.looked_at),
        file=None if file is None else str(file),
        refused=reloader.refused_for,
        waiting=len(reloader.for_restart),
    )


def _text(value: object) -> str:
    return UNSET if value is None else json.dumps(value, ensure_ascii=False)


def _other(leaf: Leaf, read: dict[str, str]) -> str | None:
    wanted = read.get(leaf.path, UNSET)
    return None if wanted == _text(leaf.value) else wanted
