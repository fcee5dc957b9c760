"""load(): defaults < TOML file < variables of the specification < NINAI__ variables < command-line options."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Protocol, Self, TypeVar

from msgspec import Struct, structs

from app.settings.checks import check
from app.settings.datadir import default_data_dir
from app.settings.decode import decode
from app.settings.environment import CONFIG_VARIABLE, environment_layer, process_environment
from app.settings.errors import ConfigError
from app.settings.layers import DEFAULT, Layer, Origin, RawValue, Steps, dotted, overlay
from app.settings.listing import Leaf, leaves
from app.settings.model import Settings
from app.settings.specvars import spec_layer
from app.settings.tables import implied_tables
from app.settings.tomlfile import toml_layer
from providers.setting_fault import SettingFault


class _Kind(Protocol):
    def normalised(self) -> Self: ...


_Table = TypeVar("_Table", bound=_Kind)
NO_OVERRIDES: Mapping[str, object] = MappingProxyType({})


class LoadedSettings(Struct, frozen=True, kw_only=True):
    """Hold the settings, the file they were read from, and for the path of every value where it came from."""

    settings: Settings
    origins: Mapping[str, Origin]
    file: Path | None

    def leaves(self) -> list[Leaf]:
        """Return every value as it may be shown, secrets masked."""
        return list(leaves(self.settings))


def load(
    config_file: Path | None, environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] = NO_OVERRIDES
) -> LoadedSettings:
    """Read the settings; without a file here and in NINAI_CONFIG there is none, and none is searched for.

    `overrides` are command-line options by path, `{"server.port": 9000}`; an option that was not given is None.

    Raises:
        ConfigError: the configuration cannot be used.
    """
    loaded = read(config_file, process_environment() if environ is None else environ, overrides)
    check(loaded.settings, loaded.origins)
    return loaded


def read(config_file: Path | None, environ: Mapping[str, str], overrides: Mapping[str, object]) -> LoadedSettings:
    """Read the settings without checking that this version can serve; raise `ConfigError` if a value does not fit."""
    path, named_by = config_file, "--config"
    if path is None and environ.get(CONFIG_VARIABLE):
        path, named_by = Path(environ[CONFIG_VARIABLE]), CONFIG_VARIABLE
    file = {} if path is None else toml_layer(path, named_by)
    above = overlay(environment_layer(environ, file), _option_layer(overrides))
    given = overlay(file, spec_layer(environ, file, above), above)
    data_dir = RawValue(default_data_dir(environ, euid=os.geteuid()), DEFAULT)
    settings, origins = decode(Settings, {("data_dir",): data_dir, **implied_tables(given), **given})
    settings = _normalised(settings, origins)
    everywhere = {leaf.path: origins.get(leaf.path, DEFAULT) for leaf in leaves(settings)}
    return LoadedSettings(settings=settings, origins=everywhere, file=path)


def _option_layer(overrides: Mapping[str, object]) -> Layer:
    """Return the options as a layer; an option is named after the last key of its path: `--data-dir`."""
    return {
        tuple(path.split(".")): RawValue(value, Origin("option", "--" + path.rpartition(".")[2].replace("_", "-")))
        for path, value in overrides.items()
        if value is not None
    }


def _normalised(settings: Settings, origins: Mapping[str, Origin]) -> Settings:
    given = settings.providers.items()
    providers = {name: _in_one_form(provider, ("providers", name), origins) for name, provider in given}
    journal = _in_one_form(settings.journal, ("journal",), origins)
    return structs.replace(settings, providers=providers, journal=journal)


def _in_one_form(table: _Table, at: Steps, origins: Mapping[str, Origin]) -> _Table:
    try:
        return table.normalised()
    except SettingFault as fault:
        steps = (*at, *fault.steps)
        raise ConfigError(fault.reason, steps=steps, origin=origins[dotted(steps)]) from None
