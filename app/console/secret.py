"""The secret that signs the console's sessions, the same for all processes that share a data folder."""

from hashlib import sha256
from secrets import token_bytes

import structlog

from app.auth.kept_file import SECRET_BYTES, kept_secret
from app.settings import Settings

FILE_NAME = "console.key"

_log = structlog.get_logger(__name__)


def session_secret(settings: Settings) -> bytes:
    """Return the configured secret, or the one in the data folder, which is created where there is none.

    Where it cannot be saved this process has one of its own, and accepts no session of another process.
    """
    configured = settings.admin.session_secret
    if configured is not None:
        return sha256(configured.reveal().encode()).digest()
    path = settings.data_dir / FILE_NAME
    try:
        return kept_secret(path)
    except OSError as error:
        _log.warning("session_secret_not_kept", file=str(path), reason=error.strerror)
        return token_bytes(SECRET_BYTES)
