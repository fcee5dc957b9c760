"""The secret that signs the console's sessions, the same for all processes that share a data folder."""

import os
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from secrets import token_bytes
from uuid import uuid4

import structlog

from app.settings import Settings

FILE_NAME = "console.key"
_BYTES = 32

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
        return _stored(path)
    except OSError as error:
        _log.warning("session_secret_not_kept", file=str(path), reason=error.strerror)
        return token_bytes(_BYTES)


def _stored(path: Path) -> bytes:
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = path.with_name(f"{path.name}.{uuid4()}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "wb") as file:
                file.write(token_bytes(_BYTES))
                file.flush()
                os.fsync(file.fileno())
            # Atomically, and the first of several processes wins.
            with suppress(FileExistsError):
                os.link(draft, path)
        finally:
            draft.unlink(missing_ok=True)
    secret = path.read_bytes()
    if len(secret) < _BYTES:
        raise OSError(0, f"holds {len(secret)} bytes, and should hold {_BYTES}: remove it")
    return secret
