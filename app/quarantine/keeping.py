"""Keeping quarantines while the service runs: every process has the same ones within a second, on all hosts."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import structlog

from app.quarantine.quarantine_file import QuarantineFile, QuarantineFileFault, decoded, encoded
from app.reloading.stamps import Stamp
from observability.metrics import Metrics
from providers import background
from providers.journal.base import Journal, JournalUnavailable
from providers.provenance.quarantines import Quarantines

CHECK_SECONDS = 0.25  # between looks at the file, which is replaced as a whole
SHARE_SECONDS = 1.0  # between looks at the journal
JOURNAL_SECONDS = 2.0  # that it may take to answer
_TRIES = 8  # while other hosts note theirs

_log = structlog.get_logger(__name__)

Change = Callable[[Quarantines], Quarantines]


class QuarantineKeeper:
    """Hold the quarantines in force in this process.

    They are in a file of the host and, where there is one, in the journal, for all who share it; each is brought to
    what both know. What cannot be read changes nothing: it may hide too much, but shows nothing again.
    """

    def __init__(self, data_dir: Path, metrics: Metrics, journal: Callable[[], Journal | None]) -> None:
        self._file, self._metrics, self._journal = QuarantineFile(data_dir), metrics, journal
        self._seen: Stamp | None = None
        self._trouble: str | None = None
        self._asked = asyncio.Event()
        self.current = Quarantines()

    @asynccontextmanager
    async def following(self) -> AsyncIterator[None]:
        """Follow file and journal while the context lasts, having asked both."""
        await self._read()
        await self._share()
        self._asked.set()
        async with background.running(background.start(self._follow, "quarantine")):
            yield

    async def known(self) -> Quarantines:
        """Return those in force, once file and journal were asked: before that nobody knows what is hidden."""
        await self._asked.wait()
        return self.current

    async def change(self, change: Change) -> Quarantines:
        """Make a change for all processes of this host, put it in force in this one, and tell the other hosts.

        Where the journal does not answer they are told as soon as it does.

        Raises:
            QuarantineFileFault: it cannot be saved; nothing has changed.
        """
        self._take(await asyncio.to_thread(self._file.change, change))
        await self._share()
        return self.current

    async def _follow(self) -> None:
        looks = round(SHARE_SECONDS / CHECK_SECONDS)
        look = 0
        while True:
            await asyncio.sleep(CHECK_SECONDS)
            look += 1
            # In a thread, since a file system that hangs must not block anything else.
            if await asyncio.to_thread(self._file.stamp) != self._seen:
                await self._read()
            if look % looks == 0:
                await self._share()

    async def _read(self) -> None:
        # Before the file is read: a change made meanwhile must still be noticed later.
        self._seen = await asyncio.to_thread(self._file.stamp)
        try:
            found = await asyncio.to_thread(self._file.read)
        except QuarantineFileFault as fault:
            _log.error("quarantine_refused", reason=str(fault))
            return
        self._take(found)

    async def _share(self) -> None:
        """Bring journal and file to what both know."""
        journal = self._journal()
        if journal is None:
            return
        try:
            async with asyncio.timeout(JOURNAL_SECONDS):
                known = await self._merged_in(journal)
        except (JournalUnavailable, TimeoutError, msgspec.MsgspecError) as error:
            self._tell(str(error) or "no answer")
            return
        self._tell(None)
        if known != self.current:
            try:
                known = await asyncio.to_thread(self._file.change, known.merged)
            except QuarantineFileFault as fault:  # in force here all the same, until a restart finds it in the journal
                _log.error("quarantine_refused", reason=str(fault))
            self._take(known)

    async def _merged_in(self, journal: Journal) -> Quarantines:
        for _ in range(_TRIES):
            text = await journal.quarantines()
            theirs = Quarantines() if text is None else decoded(text)
            known = self.current.merged(theirs).since(datetime.now(UTC))
            if known == theirs or await journal.note_quarantines(encoded(known).decode(), text):
                return known
        raise JournalUnavailable("too many hosts note quarantines at once")

    def _tell(self, trouble: str | None) -> None:
        """Log once that the other hosts cannot be told or heard, and once that they can again."""
        if trouble is not None and self._trouble is None:
            _log.warning("quarantine_not_shared", reason=trouble)
        elif trouble is None and self._trouble is not None:
            _log.info("quarantine_shared")
        self._trouble = trouble

    def _take(self, found: Quarantines) -> None:
        former, self.current = self.current, self.current.merged(found).since(datetime.now(UTC))
        known = {one.id: one for one in former.all}
        for one in self.current.all:
            if known.get(one.id) == one:
                continue
            if one.lifted_at is None:
                _log.warning("quarantine_in_force", id=one.id, key=one.key or one.caller, by=one.set_by)
            else:
                _log.warning("quarantine_lifted", id=one.id, key=one.key or one.caller, by=one.lifted_by)
        self._metrics.quarantines.set(len(self.current.active))
