"""The source of a running service's configuration, and whether it may have changed."""

from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import structlog
from msgspec import Struct, structs

from app.reloading.order_override import Override, OverrideFile
from app.reloading.stamps import Stamp, stamp_of
from app.settings import ConfigError, LoadedSettings, Settings
from app.settings.checks import check
from app.settings.layers import Origin

_log = structlog.get_logger(__name__)
HEALTH_CHECK_SECONDS = 0.25  # a change is taken over when it is the same at two checks
_Stamps = tuple[Stamp | None, Stamp | None]


class Configuration(Struct, frozen=True, kw_only=True):
    """Hold what is configured, and the order that the API has put over it, if it has."""

    loaded: LoadedSettings
    override: Override | None

    @property
    def configured_order(self) -> list[str]:
        """Return the order without the override."""
        return self.loaded.settings.order

    @property
    def settings(self) -> Settings:
        """The settings in the order that applies."""
        settings = self.loaded.settings
        return settings if self.override is None else structs.replace(settings, order=self.override.order)


class Source:
    """Read the configuration, again and again; `load` returns what is configured.

    The data folder is that of the first reading: it cannot be moved under a running service.
    """

    def __init__(self, load: Callable[[], LoadedSettings]) -> None:
        self._load = load
        self._path: Path | None = None
        self._overrides: OverrideFile | None = None
        self._known: Override | None = None
        self._folder: tuple[int, int] | None = None  # in which it was
        self._passed_over: Override | None = None
        self._in_common = False
        self._seen: _Stamps = (None, None)
        self._noticed: _Stamps = self._seen

    @property
    def overrides(self) -> OverrideFile:
        """The file that holds the order of the API."""
        if self._overrides is None:
            raise RuntimeError("nothing has been read yet")
        return self._overrides

    def read(self) -> Configuration:
        """Return what is configured now; raise `ConfigError` if it cannot be used."""
        if self._overrides is None:
            first = self._load()
            self._path, self._overrides = first.file, OverrideFile(first.settings.common_dir)
            self._in_common = first.settings.shared_dir is not None
        # Before the files are read: a change made meanwhile must still be noticed later.
        self._seen = self._stamps()
        loaded = self._load()
        configuration = Configuration(loaded=loaded, override=self._override_of(loaded.settings.order))
        if configuration.override is not None:
            check(configuration.settings, {**loaded.origins, "order": Origin("file", str(self._overrides.path))})
        return configuration

    def with_order(self, configuration: Configuration, override: Override) -> Configuration:
        """Return a configuration with another order; raise `ConfigError` if it names none of these providers."""
        changed = structs.replace(configuration, override=override)
        check(changed.settings, configuration.loaded.origins)
        return changed

    def keep(self, override: Override | None) -> None:
        """Save an order for the other processes and the next start; raise `OSError` if it cannot be written."""
        # Only what was written here is known: another process may write one at the same time, which must be followed.
        self._seen = (self._seen[0], self.overrides.write(override))
        self._note(override)

    def changed(self) -> bool:
        """Return whether a file has changed since it was read, and is the same as at the last check.

        Many editors write a file in two steps, and half a file may well be a valid configuration.
        """
        stamps = self._stamps()
        settled, self._noticed = stamps == self._noticed, stamps
        return settled and stamps != self._seen

    def _stamps(self) -> _Stamps:
        of_file = None if self._path is None else stamp_of(self._path)
        return of_file, None if self._overrides is None else self._overrides.stamp()

    def _override_of(self, configured: list[str]) -> Override | None:
        before = self.overrides.stamp()
        override = self.overrides.read()
        if override is None and self._is_lost(configured):
            path = self.overrides.path
            raise ConfigError(f"{path}: is gone with its folder, which may not be mounted; set the order again")
        if override is None or override.instead_of == configured:
            self._note(override)
            return override
        self._note(None)
        if self.overrides.stamp() == before and override != self._passed_over:
            self._passed_over = override
            # It may apply at other hosts. A file that cannot be removed is passed over again the next time, too.
            if not self._in_common:
                with suppress(OSError):
                    self.overrides.write(None)
            _log.warning("order_override_ended", order=override.order, configured=configured, set_by=override.set_by)
        return None

    def _note(self, override: Override | None) -> None:
        self._known, self._folder = override, self._folder_now()

    def _is_lost(self, configured: list[str]) -> bool:
        """Return whether an override that applies is gone, and nobody has taken it away: the folder is another one."""
        return self._known is not None and self._known.instead_of == configured and self._folder_now() != self._folder

    def _folder_now(self) -> tuple[int, int] | None:
        try:
            status = self.overrides.path.parent.stat()
        except OSError:
            return None
        return status.st_dev, status.st_ino
