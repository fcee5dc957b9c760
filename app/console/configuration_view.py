"""The configuration in force as the console shows it, and the outcome of the last change to it."""

import json
from collections.abc import Sequence

from msgspec import Struct

from app.console.wording import moment
from app.reloading.reloader import Reloader
from app.settings import Settings
from app.settings.limits_in_force import LimitsInForce, limits_in_force
from app.settings.listing import Leaf, leaves
from providers.chain.link import Link

UNSET = "unset"


class SettingView(Struct, frozen=True):
    """Show one setting in force, and where it came from; `waiting` is its value after a restart."""

    path: str
    value: str
    origin: str
    waiting: str | None


class ReloadView(Struct, frozen=True):
    """Show the last check of a changed configuration; `refused` says why it was not taken."""

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
    # A masked secret that waits for a restart looks like the one in force; the number of waiting changes counts it.
    read = {leaf.path: _text(leaf.value) for leaf in leaves(configuration.settings)}
    return tuple(
        SettingView(leaf.path, _text(leaf.value), origins.get(leaf.path, "given"), _other(leaf, read))
        for leaf in leaves(settings)
    )


class LimitsView(Struct, frozen=True):
    """Show the limits of one class of operations at one provider, and its usual time of late, as far as known."""

    limits: LimitsInForce
    usual: str


def limits_view(settings: Settings, reloader: Reloader, links: Sequence[Link]) -> tuple[LimitsView, ...]:
    """Show how long requests and tries may take, and what has been learned of the providers."""
    by_name = {link.name: link.attempts for link in links}
    return tuple(
        LimitsView(limits, _seconds(by_name[limits.provider].latencies.seconds(limits.operation)))
        for limits in limits_in_force(settings, reloader.configuration.loaded.origins)
        if limits.provider in by_name
    )


def reload_view(reloader: Reloader) -> ReloadView:
    """Show the outcome of the last change."""
    file = reloader.configuration.loaded.file
    return ReloadView(
        at=moment(reloader.looked_at),
        file=None if file is None else str(file),
        refused=reloader.refused_for,
        waiting=len(reloader.for_restart),
    )


def _seconds(value: float) -> str:
    return f"{value:.3g} s"


def _text(value: object) -> str:
    return UNSET if value is None else json.dumps(value, ensure_ascii=False)


def _other(leaf: Leaf, read: dict[str, str]) -> str | None:
    wanted = read.get(leaf.path, UNSET)
    return None if wanted == _text(leaf.value) else wanted
