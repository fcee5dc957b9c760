"""The audit of one process: requests are queued by the event loop, and written by a thread."""

import asyncio
import threading
import time
from collections import deque
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import structlog
from msgspec import structs

from app.audit.entries import AuditEntry
from app.audit.requests import Ended, entries_of, moment
from app.audit.shipping import NotShipped, Syslog
from app.audit.writing import AuditWriter
from app.settings.audit import AuditSettings
from observability.http import Scope
from observability.log_throttle import LogThrottle
from observability.metrics import Metrics
from observability.notes import Notes

WRITE_SECONDS = 0.2  # between two writes; as much is lost if the process is killed
HEAD_SECONDS = 60.0  # between two heads of the chain in the log
# Requests that wait to be written; those beyond are counted as lost. About 100 MB.
MOST_QUEUED = 50_000

_log = structlog.get_logger(__name__)


class Audit:
    """Write down what requests did to whose memories, without holding any of them up."""

    def __init__(self, settings: AuditSettings, data_dir: Path, metrics: Metrics) -> None:
        self._metrics = metrics
        folder = settings.folder(data_dir)
        self._writer = AuditWriter(folder, settings.file_mb, settings.total_mb, time.time())
        self._syslog = None if settings.syslog is None else Syslog(settings.syslog)
        self._queue: deque[Ended] = deque()
        self._lost, self._counting = 0, threading.Lock()
        self._stopping = threading.Event()
        self._not_written, self._not_shipped = LogThrottle(), LogThrottle()

    def record(self, scope: Scope, notes: Notes, method: str, route: str, status: int) -> None:
        """Queue a request that has ended; one that nobody was asked to prove anything for is none of the audit's."""
        if notes.caller is None and notes.refused is None:
            return
        client = scope.get("client")
        address = str(client[0]) if client else None
        self.append(Ended(time.time(), notes, address, method, route, status))

    def append(self, ended: Ended) -> None:
        """Queue what is to be written down."""
        if len(self._queue) >= MOST_QUEUED:
            self._lose(1)
            return
        self._queue.append(ended)

    @asynccontextmanager
    async def running(self) -> AsyncIterator[None]:
        """Write what is queued while the context lasts, and all that is left at its end."""
        thread = threading.Thread(target=self._run, name="audit", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._stopping.set()
            await asyncio.to_thread(thread.join)

    def _run(self) -> None:
        head_at = synced_at = time.monotonic()
        self._write()  # a folder that cannot be written is reported at the start
        while not self._stopping.wait(WRITE_SECONDS):
            try:
                self._write()
                now = time.monotonic()
                if now - synced_at >= 1:
                    self._writer.sync()
                    synced_at = now
                if now - head_at >= HEAD_SECONDS:
                    self._show_head()
                    head_at = now
            except OSError as error:
                self._failed(error)
            except Exception:  # noqa: BLE001 - logged with its traceback; nothing would be written any more without this
                _log.exception("audit_failed")
        with suppress(OSError):
            self._write(AuditEntry(seq=0, at=moment(time.time()), kind="end"))
            self._show_head()
            self._writer.sync()
        self._writer.close()
        if self._syslog is not None:
            self._syslog.close()

    def _write(self, *more: AuditEntry) -> None:
        """Write what is queued, and more; what cannot be written is counted as lost."""
        requests = [self._queue.popleft() for _ in range(len(self._queue))]
        lost, now = self._lost, time.time()
        entries = [*entries_of(requests), *more]
        if lost:
            entries.append(AuditEntry(seq=0, at=moment(now), kind="lost", lost=lost))
        try:
            lines = self._writer.append(entries, now)
        except OSError as error:
            self._lose(len(requests))
            self._failed(error)
            return
        with self._counting:
            self._lost -= lost
        self._not_written.reset()
        self._metrics.audit_entries.inc(len(entries))
        self._ship(lines)

    def _ship(self, lines: list[bytes]) -> None:
        if self._syslog is not None:
            for line in lines:
                self._send(self._syslog, line)

    def _send(self, syslog: Syslog, line: bytes) -> None:
        try:
            syslog.send(line)
        except NotShipped as error:
            self._metrics.audit_not_shipped.inc()
            if self._not_shipped.count(str(error)):
                _log.error("audit_not_shipped", reason=str(error), times=self._not_shipped.times)
        else:
            self._not_shipped.reset()

    def _show_head(self) -> None:
        """Write the head of the chain into the log, and those of the others into the chain."""
        if self._writer.was_cut:
            _log.error("audit_cut", file=self._writer.head.file)
            self._writer.close()  # what follows must not stand behind what somebody else has changed
        self._ship(self._writer.append_heads(time.time()))
        head = self._writer.head
        _log.info("audit_head", **structs.asdict(head))

    def _failed(self, error: OSError) -> None:
        reason = error.strerror or type(error).__name__
        if self._not_written.count(reason):
            _log.error("audit_not_written", reason=reason, lost=self._lost)

    def _lose(self, count: int) -> None:
        with self._counting:
            self._lost += count
        self._metrics.audit_lost.inc(count)
