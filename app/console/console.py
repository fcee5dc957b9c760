"""The console's view of the process that serves it."""

import asyncio
import os
import socket
import time
from datetime import UTC, datetime, timedelta

from app import __version__
from app.console.secret import session_secret
from app.console.session import Sessions
from app.settings import Settings
from observability.latency import LatencyHistory


class Console:
    """Hold the state of the console, once per process; the sessions' secret is first read on the first request."""

    def __init__(self, settings: Settings, history: LatencyHistory) -> None:
        self.history = history
        self.auth = settings.auth
        self.version = __version__
        self.process = os.getpid()
        self.host = socket.gethostname()
        self.workers = settings.server.workers
        self._settings = settings
        self._began = time.monotonic()
        self._beginning = asyncio.Lock()
        self._sessions: Sessions | None = None

    @property
    def uptime(self) -> float:
        """Seconds since this process began to serve."""
        return time.monotonic() - self._began

    @property
    def since(self) -> datetime:
        """When this process began to serve."""
        return datetime.now(UTC) - timedelta(seconds=self.uptime)

    async def sessions(self) -> Sessions:
        """Return the sessions of this configuration."""
        async with self._beginning:
            if self._sessions is None:
                # In a thread, since a file system that hangs must not block anything else.
                secret = await asyncio.to_thread(session_secret, self._settings)
                self._sessions = Sessions(secret, self.auth.keys)
            return self._sessions
