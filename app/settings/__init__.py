"""The settings of the service: what they are, where each came from, and the one place that reads them."""

from app.settings.errors import ConfigError
from app.settings.loading import LoadedSettings, load
from app.settings.model import Settings, TracingSettings

__all__ = ["ConfigError", "LoadedSettings", "Settings", "TracingSettings", "load"]
