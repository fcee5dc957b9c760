"""The file of the keys that `ninai keys` manages: JSON, replaced as a whole, changed by one command at a time."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import msgspec
from msgspec import Struct, structs

from app.auth.kept_file import give_to_owner, make_folder, write_whole
from app.settings.auth import KEYS_FILE, AuthSettings, KeyName, KeySettings
from app.settings.key_faults import key_fault


class KeysFileFault(Exception):
    """Signal that the file cannot be used, with the reason."""


class _FiledKeys(Struct, frozen=True, forbid_unknown_fields=True):
    """Hold the keys by their names. Unknown fields are refused: a restriction must not be overlooked."""

    keys: dict[KeyName, KeySettings] = {}


class KeysFile(Struct, frozen=True):
    """Read and change the keys in one file; a file that is not there holds none."""

    path: Path

    @classmethod
    def of(cls, settings: AuthSettings, data_dir: Path) -> "KeysFile":
        """Return the file that the settings name."""
        return cls(settings.keys_path or data_dir / KEYS_FILE)

    def read(self) -> dict[str, KeySettings]:
        """Return the keys; raise `KeysFileFault` if the file is unreadable, or holds something else."""
        try:
            content = msgspec.json.decode(self.path.read_bytes(), type=_FiledKeys)
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise KeysFileFault(f"{self.path}: {error.strerror}") from error
        except (msgspec.MsgspecError, UnicodeDecodeError) as error:
            # Its words may quote what somebody wrote there instead of a hash; the place in the file is told.
            raise KeysFileFault(f"{self.path}: not a file of keys{_place_in(str(error))}") from None
        for name, key in content.keys.items():
            if (fault := key_fault(key)) is not None:
                raise KeysFileFault(f"{self.path}: {name}.{fault[0]}: {fault[1]}")
        return dict(content.keys)

    @contextmanager
    def changed(self) -> Iterator[dict[str, KeySettings]]:
        """Yield the keys, and write them back at the end; other commands wait meanwhile.

        Raises:
            KeysFileFault: the file cannot be read or written, or holds something else.
        """
        try:
            make_folder(self.path.parent)
            lock = os.open(self.path.with_name(f"{self.path.name}.lock"), os.O_RDWR | os.O_CREAT, 0o600)
        except OSError as error:
            raise KeysFileFault(f"{self.path}: {error.strerror}") from error
        try:
            give_to_owner(lock, self.path.parent)
            fcntl.flock(lock, fcntl.LOCK_EX)
            keys = self.read()
            yield keys
            content = msgspec.json.format(msgspec.json.encode(_FiledKeys(keys)), indent=2)
            try:
                write_whole(self.path, content + b"\n")
            except OSError as error:
                raise KeysFileFault(f"{self.path}: {error.strerror}") from error
        finally:
            os.close(lock)


def without_defaults(key: KeySettings) -> dict[str, object]:
    """Return the fields of a key that say something, as a file spells them."""
    plain = KeySettings(hash=key.hash)
    given = {name: getattr(key, name) for name in (field.name for field in structs.fields(key))}
    return {name: value for name, value in given.items() if name == "hash" or value != getattr(plain, name)}


def _place_in(complaint: str) -> str:
    _, _, place = complaint.rpartition(" - at `")
    return f": at {place.replace('`', '')}" if place and place != complaint else ""
