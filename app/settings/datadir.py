"""The default folder for data."""

from collections.abc import Mapping
from pathlib import Path

import platformdirs

APP_NAME = "ninaivalaigal"
SYSTEM_DATA_DIR = Path("/var/lib") / APP_NAME


def default_data_dir(environ: Mapping[str, str], *, euid: int) -> Path:
    """Return the user's data folder according to the XDG Base Directory Specification.

    For root it is below /var/lib: PostgreSQL refuses to run as root, and the account that runs it instead cannot
    reach into root's home.
    """
    configured = environ.get("XDG_DATA_HOME", "")
    if Path(configured).is_absolute():  # the specification: a relative path is invalid, ignore it
        return Path(configured) / APP_NAME
    if euid == 0:
        return SYSTEM_DATA_DIR
    return platformdirs.user_data_path(APP_NAME, appauthor=False)
