"""Following the keys while the service runs: every process takes a changed file of keys over within a second."""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from app.auth.api_key import ApiKeys, KeyTable
from app.auth.key_uses import KeyUses
from app.auth.keys import Pepper
from app.auth.keys_file import KeysFile, KeysFileFault
from app.auth.pepper import FILE_NAME, known_pepper
from app.reloading.stamps import Stamp, stamp_of
from app.settings.auth import AuthSettings, KeySettings
from providers import background

CHECK_SECONDS = 0.25  # a changed file is taken over when it is the same at two checks
NOTE_SECONDS = 10.0  # between two notes of which keys were used

_log = structlog.get_logger(__name__)


class KeyFollower:
    """Put the keys of the configuration and those of the file in force together.

    It asks no provider and no journal, so that a key can be withdrawn with every database down. A file that cannot be
    used changes nothing: the keys of before stay in force.
    """

    def __init__(self, settings: AuthSettings, data_dir: Path, keys: ApiKeys) -> None:
        self._settings, self._data_dir, self._keys = settings, data_dir, keys
        self._file, self._uses = KeysFile.of(settings, data_dir), KeyUses.below(data_dir)
        self._configured: Mapping[str, KeySettings] = settings.keys
        self._filed: Mapping[str, KeySettings] = {}
        self._pepper = _pepper_or_log(settings, data_dir)
        self._seen: tuple[Stamp | None, ...] | None = None
        self._noticed: tuple[Stamp | None, ...] = ()
        self._noted: dict[str, int] = {}
        self._twice: list[str] = []
        self._of_another_pepper: list[str] = []
        self._put_in_force()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow the file while the context lasts, having read it first; where no keys are used, do nothing."""
        if self._settings.mode != "api_key":
            yield
            return
        await self._read()
        async with (
            background.running(background.start(self._follow, "keys")),
            background.running(background.start(self._noting, "uses of keys")),
        ):
            yield
        await asyncio.to_thread(self.note_uses)

    def configure(self, keys: Mapping[str, KeySettings]) -> None:
        """Put the keys of a changed configuration in force."""
        if keys != self._configured:
            self._configured = keys
            self._put_in_force()

    async def _follow(self) -> None:
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            # In a thread, since a file system that hangs must not block anything else.
            stamps = await asyncio.to_thread(self._stamps)
            settled, self._noticed = stamps == self._noticed, stamps
            if settled and stamps != self._seen:
                await self._read()

    def _stamps(self) -> tuple[Stamp | None, ...]:
        return stamp_of(self._file.path), stamp_of(self._data_dir / FILE_NAME)

    async def _read(self) -> None:
        first = self._seen is None
        # Before the file is read: a change made meanwhile must still be noticed later.
        self._seen = await asyncio.to_thread(self._stamps)
        if self._seen[0] is None and self._filed:
            _log.error("keys_refused", reason=f"{self._file.path} is gone; `ninai keys revoke` withdraws a key")
            return
        try:
            filed = await asyncio.to_thread(self._file.read)
        except KeysFileFault as fault:
            _log.error("keys_refused", reason=str(fault))
            return
        self._pepper = await asyncio.to_thread(_pepper_or_log, self._settings, self._data_dir) or self._pepper
        changed = [name for name in sorted({*filed, *self._filed}) if filed.get(name) != self._filed.get(name)]
        self._filed = filed
        self._put_in_force()
        if changed and not first:
            _log.info("keys_in_force", changed=changed)

    def _put_in_force(self) -> None:
        twice = sorted(self._filed.keys() & self._configured.keys())
        if twice and twice != self._twice:
            _log.warning("keys_named_twice", keys=twice, file=str(self._file.path))
        table = KeyTable({**self._filed, **self._configured}, self._pepper)
        if table.of_another_pepper and table.of_another_pepper != self._of_another_pepper:
            _log.error("keys_of_another_pepper", keys=table.of_another_pepper)
        self._twice, self._of_another_pepper = twice, table.of_another_pepper
        self._keys.table = table

    async def _noting(self) -> None:
        while True:
            await asyncio.sleep(NOTE_SECONDS)
            await asyncio.to_thread(self.note_uses)

    def note_uses(self) -> None:
        """Write down which keys were used since the last time."""
        used = dict(self._keys.used)
        if used == self._noted:
            return
        try:
            self._uses.note({name: hour for name, hour in used.items() if self._noted.get(name) != hour})
        except OSError as error:
            _log.warning("key_uses_not_noted", folder=str(self._uses.folder), reason=error.strerror)
        self._noted = used  # also if it failed: the next use in another hour tries again


def _pepper_or_log(settings: AuthSettings, data_dir: Path) -> Pepper | None:
    """Return the pepper; one that cannot be read is logged, and counts as none."""
    try:
        return known_pepper(settings, data_dir)
    except OSError as error:
        _log.error("pepper_unreadable", file=str(data_dir / FILE_NAME), reason=error.strerror)
        return None
