"""The mode of the service, saved in the data folder for all its processes and across restarts."""

from datetime import datetime
from pathlib import Path
from typing import Literal

import msgspec
from msgspec import Struct

from app.auth.kept_file import write_whole
from app.reloading.stamps import Stamp, stamp_of

FILE_NAME = "mode.json"

Mode = Literal["read_write", "read_only"]


class ServiceMode(Struct, frozen=True, kw_only=True):
    """Hold a mode, since when, who set it and why, and after how many seconds refused writers are to come back.

    Nobody has set the mode that a service has from the start.
    """

    mode: Mode = "read_write"
    reason: str = ""
    retry_after: int = 30
    set_by: str | None = None
    since: datetime | None = None


class ModeFileFault(Exception):
    """Signal that the file cannot be read or written, or holds something else."""


class ModeFile:
    """Read and write the file; without one the service takes writes."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME

    def stamp(self) -> Stamp | None:
        """Return a stamp that changes whenever another mode is set."""
        return stamp_of(self.path)

    def read(self) -> ServiceMode:
        """Return the mode; raise `ModeFileFault` if the file cannot be used."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=ServiceMode)
        except FileNotFoundError:
            return ServiceMode()
        except OSError as error:
            raise ModeFileFault(f"{self.path}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ModeFileFault(f"{self.path}: not a mode set by the API: {error}; set it again") from error

    def write(self, mode: ServiceMode) -> None:
        """Replace the mode, on disk at the end; raise `ModeFileFault` if it cannot be written."""
        try:
            write_whole(self.path, msgspec.json.encode(mode))
        except OSError as error:
            raise ModeFileFault(f"{self.path}: {error.strerror}") from error
