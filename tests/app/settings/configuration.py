"""A configuration file in the working folder, and what comes of it."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from app.settings import ConfigError, LoadedSettings, load
from app.settings.loading import NO_OVERRIDES, read

FILE = Path("ninai.toml")


class Configuration:
    """A configuration file `ninai.toml` in the working folder, if there is text for it."""

    def load(
        self, toml: str = "", environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] = NO_OVERRIDES
    ) -> LoadedSettings:
        """Give the settings that these sources make, in an environment that holds nothing else."""
        return load(self._written(toml), environ or {}, overrides)

    def read(self, toml: str = "", environ: Mapping[str, str] | None = None) -> LoadedSettings:
        """Give the settings, whether this version can serve with them or not."""
        return read(self._written(toml), environ or {}, NO_OVERRIDES)

    def refusal(
        self, toml: str = "", environ: Mapping[str, str] | None = None, overrides: Mapping[str, object] = NO_OVERRIDES
    ) -> str:
        """Give the error that these sources make."""
        with pytest.raises(ConfigError) as caught:
            self.load(toml, environ, overrides)
        return str(caught.value)

    def _written(self, toml: str) -> Path | None:
        if not toml:
            return None
        FILE.write_text(toml, "utf-8")
        return FILE
