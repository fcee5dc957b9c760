"""load(): defaults < TOML file < variables of the specification < NINAI__ variables < command-line options."""

import os
from collections.abc import Mapping
from pathlib import Path
from types import MappingProxyType
from typing import TypeVar

from msgspec import Struct, structs

from app.settings.checks import check
from app.settings.datadir import default_data_dir
from app.settings.decode import decode
from app.settings.dsn import normalised
from app.settings.environment import CONFIG_VARIABLE, environment_layer, process_environment
from app.settings.errors import ConfigError
from app.settings.layers import DEFAULT, Layer, Origin, RawValue, Steps, dotted, overlay
from app.settings.listing import Leaf, leaves
from app.settings.model import Settings
from app.settings.specvars import spec_layer
from app.settings.tables import implied_tables
from app.settings.tomlfile import toml_layer
from observability.secret import MASK, Secret
from providers.factory import ProviderSettings
from providers.journal.postgres.settings import PostgresJournalSettings
from providers.journal.settings import JournalSettings
from providers.native.settings import NativeSettings

_Table = TypeVar("_Table", bound=ProviderSettings | JournalSettings)

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
    config_file: Path | None,
    environ: Mapping[str, str] | None = None,
    overrides: Mapping[str, object] = NO_OVERRIDES,
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
    """Read the settings without checking whether this version can serve with them.

    Raises:
        ConfigError: a value does not fit its setting.
    """
    path, named_by = config_file, "--config"
    if path is None and environ.get(CONFIG_VARIABLE):
        path, named_by = Path(environ[CONFIG_VARIABLE]), CONFIG_VARIABLE
    file = {} if path is None else toml_layer(path, named_by)
    above = overlay(environment_layer(environ, file), _option_layer(overrides))
    given = overlay(file, spec_layer(environ, file, above), above)
    data_dir = RawValue(default_data_dir(environ, euid=os.geteuid()), DEFAULT)
    settings, origins = decode(Settings, {("data_dir",): data_dir, **implied_tables(given), **given})
    settings = _with_normalised_dsns(settings, origins)
    everywhere = {leaf.path: origins.get(leaf.path, DEFAULT) for leaf in leaves(settings)}
    return LoadedSettings(settings=settings, origins=everywhere, file=path)


def _option_layer(overrides: Mapping[str, object]) -> Layer:
    """Return the options as a layer; an option is named after the last key of its path: `--data-dir`."""
    return {
        tuple(path.split(".")): RawValue(value, Origin("option", "--" + path.rpartition(".")[2].replace("_", "-")))
        for path, value in overrides.items()
        if value is not None
    }


def _with_normalised_dsns(settings: Settings, origins: Mapping[str, Origin]) -> Settings:
    providers = {
        name: _with_normalised_dsn(provider, ("providers", name, "dsn"), origins)
        for name, provider in settings.providers.items()
    }
    journal = _with_normalised_dsn(settings.journal, ("journal", "dsn"), origins)
    return structs.replace(settings, providers=providers, journal=journal)


def _with_normalised_dsn(table: _Table, steps: Steps, origins: Mapping[str, Origin]) -> _Table:
    if not isinstance(table, NativeSettings | PostgresJournalSettings) or table.dsn is None:
        return table
    try:
        return structs.replace(table, dsn=Secret(normalised(table.dsn.reveal())))
    except ValueError:
        reason = f"expected postgresql://USER:PASSWORD@HOST/DATABASE, got {MASK}"
        raise ConfigError(reason, steps=steps, origin=origins[dotted(steps)]) from None
