"""The last use of each key, to the hour: one file for each host, which its processes share."""

import fcntl
import os
import socket
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import quote, unquote

import msgspec
from msgspec import Struct

from app.auth.api_key import HOUR
from app.auth.kept_file import give_to_owner, write_whole

FOLDER = "keys-used"
_SUFFIX = ".json"


class KeyUse(Struct, frozen=True):
    """Say when a host last saw a key, to the hour."""

    host: str
    at: datetime


class KeyUses(Struct, frozen=True):
    """Note and show the last uses of keys; the folder may be shared by several hosts."""

    folder: Path

    @classmethod
    def below(cls, data_dir: Path) -> "KeyUses":
        """Return the uses that are noted in a data folder."""
        return cls(data_dir / FOLDER)

    def note(self, used: Mapping[str, int]) -> None:
        """Note when this host saw keys, in hours since 1970; raise `OSError` if that cannot be written."""
        path = self.folder / (quote(socket.gethostname(), safe="") + _SUFFIX)
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(self.folder / ".lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            give_to_owner(lock, self.folder)
            fcntl.flock(lock, fcntl.LOCK_EX)
            before = _read(path)
            merged = before | {name: max(hour, before.get(name, 0)) for name, hour in used.items()}
            if merged != before:
                write_whole(path, msgspec.json.encode(merged))
        finally:
            os.close(lock)

    def all(self) -> dict[str, list[KeyUse]]:
        """Return the last use of each key on each host, the newest first."""
        uses: dict[str, list[KeyUse]] = {}
        for path in sorted(self.folder.glob(f"*{_SUFFIX}")):
            host = unquote(path.name.removesuffix(_SUFFIX))
            for name, hour in _read(path).items():
                uses.setdefault(name, []).append(KeyUse(host, datetime.fromtimestamp(hour * HOUR, UTC)))
        return {name: sorted(found, key=lambda use: use.at, reverse=True) for name, found in uses.items()}


def _read(path: Path) -> dict[str, int]:
    with suppress(OSError, msgspec.MsgspecError, UnicodeDecodeError):  # lost or broken: it is noted anew
        return msgspec.json.decode(path.read_bytes(), type=dict[str, int])
    return {}
