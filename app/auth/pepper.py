"""The pepper that keys are hashed with: a setting, or a file in the data folder."""

from hashlib import sha256
from pathlib import Path
from secrets import token_bytes

import structlog

from app.auth.kept_file import SECRET_BYTES, kept_secret, read_secret
from app.auth.keys import Pepper
from app.settings.auth import AuthSettings

FILE_NAME = "keys.pepper"

_log = structlog.get_logger(__name__)


def pepper_for_new_keys(settings: AuthSettings, data_dir: Path) -> Pepper:
    """Return the pepper, which is made where there is none; raise `OSError` if it cannot be read or kept."""
    return _configured(settings) or Pepper(kept_secret(data_dir / FILE_NAME))


def known_pepper(settings: AuthSettings, data_dir: Path) -> Pepper | None:
    """Return the pepper, None if there is none yet; raise `OSError` if it cannot be read."""
    configured = _configured(settings)
    if configured is not None:
        return configured
    try:
        return Pepper(read_secret(data_dir / FILE_NAME))
    except FileNotFoundError:
        return None


def cursor_secret(settings: AuthSettings, data_dir: Path) -> bytes:
    """Return the secret that seals cursors, the same wherever the pepper is.

    Where a pepper cannot be kept, this process has a secret of its own, and follows no cursor of another process.
    """
    return _derived("cursors", settings, data_dir)


def usage_secret(settings: AuthSettings, data_dir: Path) -> bytes:
    """Return the secret with which users are hashed where their requests are counted, the same wherever the pepper is.

    Where a pepper cannot be kept, this process has a secret of its own, and shows no counts of users of another one.
    """
    return _derived("usage", settings, data_dir)


def _derived(purpose: str, settings: AuthSettings, data_dir: Path) -> bytes:
    try:
        return pepper_for_new_keys(settings, data_dir).derived(purpose)
    except OSError as error:
        _log.warning("cursor_secret_not_kept", purpose=purpose, file=str(data_dir / FILE_NAME), reason=error.strerror)
        return token_bytes(SECRET_BYTES)


def _configured(settings: AuthSettings) -> Pepper | None:
    if settings.pepper is None:
        return None
    return Pepper(sha256(settings.pepper.reveal().encode()).digest())
