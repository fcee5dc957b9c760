"""The console's view of the process that serves it."""

import asyncio
import os
import socket
import time

from msgspec import Struct

from app import __version__
from app.auth.caller import Authenticator
from app.console.counts import COUNT_SECONDS, Counts, count
from app.console.ended_sessions import EndedSessions
from app.console.secret import session_secret
from app.console.session import Sessions
from app.settings import Settings
from observability.callers import CallerHistory
from observability.latency import LatencyHistory
from observability.recent import Recent
from providers.chain.chain import Chain

_PATIENCE = 1.0  # seconds


class Histories(Struct, frozen=True, kw_only=True):
    """Hold the last minutes of this process: its callers' requests, and its attempts at providers."""

    callers: CallerHistory
    attempts: LatencyHistory


class Console:
    """Hold the state of the console, once per process; the sessions' secret is first read on the first request."""

    def __init__(self, settings: Settings, histories: Histories, authenticator: Authenticator, chain: Chain) -> None:
        self.histories = histories
        self.uses_keys = settings.auth.mode != "none"
        self.version = __version__
        self.process = os.getpid()
        self.host = socket.gethostname()
        self.workers = settings.server.workers
        self._settings, self._authenticator = settings, authenticator
        self._began = time.monotonic()
        self._beginning = asyncio.Lock()
        self._sessions: Sessions | None = None
        self._counts = Recent(lambda: count(chain), "console_counts", COUNT_SECONDS)

    async def aclose(self) -> None:
        """Stop counting."""
        await self._counts.aclose()

    async def counts(self) -> Counts | None:
        """Return how much the service holds, counted at most some minutes ago; None while that is being counted."""
        task = self._counts.begun()
        await asyncio.wait({task}, timeout=_PATIENCE)
        return task.result() if task.done() else None

    @property
    def uptime(self) -> float:
        """Seconds since this process began to serve."""
        return time.monotonic() - self._began

    async def sessions(self) -> Sessions:
        """Return the sessions of this configuration."""
        async with self._beginning:
            if self._sessions is None:
                # In a thread, since a file system that hangs must not block anything else.
                secret = await asyncio.to_thread(session_secret, self._settings)
                self._sessions = Sessions(secret, self._authenticator, EndedSessions(self._settings.data_dir))
            return self._sessions
