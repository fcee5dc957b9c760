"""The order that the API has set, saved in the data folder across restarts."""

import os
from datetime import datetime
from pathlib import Path
from uuid import uuid4

import msgspec
from msgspec import Struct, structs

from app.reloading.stamps import Stamp, stamp_of
from app.settings import ConfigError

FILE_NAME = "order.json"


class Override(Struct, frozen=True, kw_only=True):
    """Hold an order that applies `instead_of` the configured one, for as long as that one is configured."""

    order: list[str]
    instead_of: list[str]
    set_by: str
    at: datetime


class OverrideFile:
    """Store the override in a file; there is none while the configured order applies."""

    def __init__(self, data_dir: Path) -> None:
        self.path = data_dir / FILE_NAME

    def stamp(self) -> Stamp | None:
        """Return a stamp that changes whenever another order is set."""
        return stamp_of(self.path)

    def read(self) -> Override | None:
        """Return the override, None without one; raise `ConfigError` if the file is unreadable or something else."""
        try:
            return msgspec.json.decode(self.path.read_bytes(), type=Override)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise ConfigError(f"{self.path}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            raise ConfigError(f"{self.path}: not an order set by the API: {error}; remove the file") from error

    def write(self, override: Override | None) -> Stamp | None:
        """Replace the override, atomically and on disk at the end; return its stamp, raise `OSError` if that fails."""
        stamp = None
        if override is None:
            self.path.unlink(missing_ok=True)
        else:
            self.path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            draft = self.path.with_name(f"{FILE_NAME}.{uuid4()}")
            try:
                with draft.open("wb") as file:
                    file.write(msgspec.json.encode(override))
                    file.flush()
                    os.fsync(file.fileno())
                written = stamp_of(draft)
                draft.replace(self.path)
            finally:
                draft.unlink(missing_ok=True)
            stamp = written and structs.replace(written, resolved=os.path.realpath(self.path))
        folder = os.open(self.path.parent, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)
        return stamp
