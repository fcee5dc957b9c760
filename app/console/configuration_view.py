"""The configuration in force as the console shows it."""

import json
from collections.abc import Iterable, Sequence

from msgspec import Struct

from app.console.wording import moment
from app.reloading.reloader import Reloader
from app.settings import Settings
from app.settings.layers import DEFAULT
from app.settings.limits_in_force import LimitsInForce, limits_in_force
from app.settings.listing import Leaf, leaves
from providers.chain.link import Link

UNSET = "unset"
TOP = "general"  # the settings of no table


class SettingView(Struct, frozen=True):
    """Show one setting in force, and where it came from; `waiting` is its value after a restart."""

    path: str
    value: str
    origin: str
    waiting: str | None


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


class LimitView(Struct, frozen=True):
    """Show how long the requests and tries of one operation may take, with the `usual` seconds of a call of late."""

    limits: LimitsInForce
    usual: float

    @property
    def provider(self) -> str:
        """The provider whose limits these are."""
        return self.limits.provider


def grouped(rows: Iterable[SettingView], *, changed: bool) -> list[tuple[str, list[SettingView]]]:
    """Group settings by their table, those of no table first; with `changed` those alone that differ from a default."""
    groups: dict[str, list[SettingView]] = {TOP: []}
    for row in rows:
        if not changed or row.origin != str(DEFAULT) or row.waiting is not None:
            table, dot, _ = row.path.partition(".")
            groups.setdefault(table if dot else TOP, []).append(row)
    return [(table, found) for table, found in groups.items() if found]


def limits_view(settings: Settings, reloader: Reloader, links: Sequence[Link]) -> list[LimitView]:
    """Show how long requests and tries may take, in the order of the providers."""
    by_name = {link.name: link.attempts for link in links}
    return [
        LimitView(limits, by_name[limits.provider].latencies.seconds(limits.operation))
        for limits in limits_in_force(settings, reloader.configuration.loaded.origins)
        if limits.provider in by_name
    ]


def _text(value: object) -> str:
    return UNSET if value is None else json.dumps(value, ensure_ascii=False)


def _other(leaf: Leaf, read: dict[str, str]) -> str | None:
    wanted = read.get(leaf.path, UNSET)
    return None if wanted == _text(leaf.value) else wanted
