"""The id by which journal and stores know this installation: a setting, or a file in the data folder."""

import os
import re
from pathlib import Path
from uuid import uuid4

import structlog
from msgspec import Struct

from app.settings import Settings
from providers.errors import Misconfigured

FILE_NAME = "installation"

_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")
_MOST_BYTES = 200  # what is longer holds no id

_log = structlog.get_logger(__name__)


class Installation(Struct, frozen=True):
    """The id of an installation, as configured or kept; it is taken from the journal or made when there is none yet."""

    file: Path
    configured: str | None = None

    @classmethod
    def of(cls, settings: Settings) -> "Installation":
        """Return the installation that settings describe."""
        return cls(settings.data_dir / FILE_NAME, settings.installation)

    def id(self) -> str | None:
        """Return the id, None if there is none yet.

        Raises:
            Misconfigured: the file cannot be read, or holds something else.
        """
        if self.configured is not None:
            return self.configured
        try:
            with self.file.open("rb") as file:
                text = file.read(_MOST_BYTES).decode("ascii", "replace").strip()
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Misconfigured(f"the id of this installation cannot be read: {self.file}: {error.strerror}") from error
        if _ID.fullmatch(text) is None:
            raise Misconfigured(f"{self.file} holds no id of an installation: bring it back, or set `installation`")
        return text

    def keep(self, installation: str) -> None:
        """Write an id to the file, for all processes and the next start; a configured one stays what it is.

        Where it cannot be written, the next start has to ask a store whose the journal is.
        """
        if self.configured is not None:
            return
        try:
            self._write(installation)
        except OSError as error:
            _log.warning("installation_not_kept", file=str(self.file), reason=error.strerror)
        else:
            _log.info("installation_kept", file=str(self.file), installation=installation)

    def _write(self, installation: str) -> None:
        self.file.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        draft = self.file.with_name(f"{self.file.name}.{uuid4()}")
        try:
            descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
            with os.fdopen(descriptor, "w", encoding="ascii") as file:
                file.write(f"{installation}\n")
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self.file)
        finally:
            draft.unlink(missing_ok=True)
